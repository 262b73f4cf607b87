//! Handshakes over real sockets, with `openssl` as a witness that shares no code with us: versions, names, clients'
//! certificates, and a certificate that is replaced while connections go on.

#![allow(clippy::unwrap_used)]

mod authority;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use authority::{Authority, Issued, NAMES};
use secure_wire::{Acceptor, Connector, Identity, IdentityError, Roots, Stream, proof_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const LIMIT: Duration = Duration::from_secs(10);

fn identity(issued: &Issued) -> Identity {
    Identity::load(&issued.certificate, &issued.key).unwrap()
}

fn roots(authority: &Authority) -> Roots {
    Roots::load(&authority.certificate()).unwrap()
}

/// Both ends of one handshake.
async fn shake(
    acceptor: &Acceptor,
    connector: &Connector,
    name: &str,
) -> (std::io::Result<Stream>, std::io::Result<Stream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await?;
        stream.write_all(b"!").await?;
        Ok(stream)
    };
    let calling = async {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut stream = connector.connect(name, stream).await?;
        // with TLS 1.3 a client learns that it was turned away when it reads
        stream.read_exact(&mut [0]).await?;
        Ok(stream)
    };
    tokio::time::timeout(LIMIT, async { tokio::join!(serving, calling) }).await.unwrap()
}

#[tokio::test]
async fn only_whoever_proves_the_name_that_was_meant_is_talked_to() {
    let (authority, other) = (Authority::new(), Authority::new());
    let acceptor = Acceptor::new(&identity(&authority.issue(NAMES, 30)), None);
    let connector = Connector::new(&roots(&authority), None);
    for name in ["baton.local", "127.0.0.1", "::1", "[::1]"] {
        let (served, called) = shake(&acceptor, &connector, name).await;
        assert!(served.is_ok() && called.is_ok(), "{name}");
    }
    for name in ["elsewhere.local", "127.0.0.2", "not a name"] {
        assert!(shake(&acceptor, &connector, name).await.1.is_err(), "{name}");
    }
    let stranger = Connector::new(&roots(&other), None);
    assert!(shake(&acceptor, &stranger, "baton.local").await.1.is_err());
    let expired = Acceptor::new(&identity(&authority.issue(NAMES, -1)), None);
    assert!(shake(&expired, &connector, "baton.local").await.1.is_err());
}

#[tokio::test]
async fn a_client_may_prove_itself_and_one_with_a_certificate_that_does_not_hold_is_turned_away() {
    let (authority, other) = (Authority::new(), Authority::new());
    let carriers = roots(&authority);
    let acceptor = Acceptor::new(&identity(&authority.issue(NAMES, 30)), Some(&carriers));
    let as_client = |issued: &Issued| Connector::new(&carriers, Some(&identity(issued)));

    let (served, called) = shake(&acceptor, &Connector::new(&carriers, None), "baton.local").await;
    assert!(called.is_ok() && proof_of(&served.unwrap()).is_empty());

    let (served, called) = shake(&acceptor, &as_client(&authority.issue("DNS:carrier", 30)), "baton.local").await;
    let proof = proof_of(&served.unwrap());
    assert!(called.is_ok() && carriers.vouch_for(&proof) && !roots(&other).vouch_for(&proof));
    assert!(!carriers.vouch_for(&[]) && !carriers.vouch_for(&[vec![0x30, 0x00]]));

    for issued in [authority.issue("DNS:carrier", -1), other.issue("DNS:carrier", 30)] {
        let (served, called) = shake(&acceptor, &as_client(&issued), "baton.local").await;
        assert!(served.is_err() && called.is_err(), "{issued:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_replaced_for_new_connections_and_old_ones_go_on() {
    let authority = Authority::new();
    let running = identity(&authority.issue("DNS:old.local", 30));
    let acceptor = Acceptor::new(&running, None);
    let connector = Connector::new(&roots(&authority), None);
    let (served, called) = shake(&acceptor, &connector, "old.local").await;
    let (mut served, mut called) = (served.unwrap(), called.unwrap());

    running.replace(&identity(&authority.issue("DNS:new.local", 30)));
    assert!(shake(&acceptor, &connector, "old.local").await.1.is_err());
    assert!(shake(&acceptor, &connector, "new.local").await.1.is_ok());

    called.write_all(b"still here").await.unwrap();
    let mut heard = [0; 10];
    served.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"still here");
}

#[tokio::test]
async fn our_own_certificate_is_believed_by_whatever_name_we_are_reached() {
    let authority = Authority::new();
    let own = authority.issue("DNS:pbx.example", 30);
    let acceptor = Acceptor::new(&identity(&own), None);
    let (_, called) = shake(&acceptor, &Connector::to_own(Some(&own.certificate)).unwrap(), "127.0.0.1").await;
    assert!(called.is_ok());
    let another = authority.issue("DNS:pbx.example", 30);
    for other in [Some(another.certificate.as_path()), None] {
        assert!(shake(&acceptor, &Connector::to_own(other).unwrap(), "127.0.0.1").await.1.is_err());
    }
}

#[tokio::test]
async fn files_that_prove_nothing_are_named() {
    let authority = Authority::new();
    let (one, other) = (authority.issue(NAMES, 30), authority.issue(NAMES, 30));
    let nowhere = authority.folder().join("nowhere");
    let garbage = authority.folder().join("garbage");
    std::fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    let load = |certificate: &Path, key: &Path| Identity::load(certificate, key).unwrap_err();
    assert!(matches!(load(&nowhere, &one.key), IdentityError::Unreadable { file, .. } if file == nowhere));
    assert!(matches!(load(&one.certificate, authority.folder()), IdentityError::Unreadable { .. }));
    assert!(matches!(load(&garbage, &one.key), IdentityError::NoCertificate(_)));
    assert!(matches!(load(&one.certificate, &one.certificate), IdentityError::NoKey(_)));
    assert!(matches!(load(&one.certificate, &other.key), IdentityError::DoNotFit { .. }));
    let expires = identity(&one).expires().unwrap().duration_since(std::time::SystemTime::now()).unwrap();
    let month = Duration::from_secs(30 * 86_400);
    assert!(expires <= month && expires + LIMIT * 6 > month, "{expires:?}");
    assert!(Roots::load(&garbage).is_err() && Roots::load(&nowhere).is_err());
}

/// What `openssl s_client` says of a handshake in one version; `None` if there was none.
async fn version(address: SocketAddr, arguments: &str) -> Option<String> {
    let run = tokio::process::Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string()])
        .args(arguments.split(' '))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let said = tokio::time::timeout(LIMIT, run).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("New, TLSv1."))?;
    line.split(", ").nth(1).map(str::to_owned)
}

#[tokio::test]
async fn openssl_is_a_witness_that_nothing_older_than_tls_1_2_is_spoken() {
    let authority = Authority::new();
    let acceptor = Acceptor::new(&identity(&authority.issue(NAMES, 30)), None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                stream.read(&mut [0]).await
            });
        }
    });
    assert_eq!(version(address, "-tls1_3").await.as_deref(), Some("TLSv1.3"));
    assert_eq!(version(address, "-tls1_2").await.as_deref(), Some("TLSv1.2"));
    // without @SECLEVEL=0 the witness itself would not try
    for old in ["-tls1_1 -cipher DEFAULT@SECLEVEL=0", "-tls1 -cipher DEFAULT@SECLEVEL=0"] {
        assert_eq!(version(address, old).await, None, "{old}");
    }
    assert_eq!(version(address, "-tls1_2 -cipher RC4-SHA:AES128-SHA:@SECLEVEL=0").await, None);
    serving.abort();
}
