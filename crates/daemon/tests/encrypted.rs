//! TLS as an operator meets it: what `baton check` says of certificates, the API over HTTPS with the command line as its
//! client, and a certificate that is replaced by a reload.
#![allow(clippy::unwrap_used)]

#[path = "../../secure-wire/tests/authority/mod.rs"]
mod authority;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use authority::{Authority, Issued, NAMES};

const LIMIT: Duration = Duration::from_secs(20);

/// A service with everything over TLS; it is gone with the test.
struct Service {
    child: Child,
    settings: PathBuf,
    http: SocketAddr,
    sip: SocketAddr,
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn baton(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
    command.args(arguments).env("NO_COLOR", "1").env_remove("BATON_URL").stdin(Stdio::null());
    command
}

impl Service {
    fn start(folder: &Path, issued: &Issued) -> Self {
        let (http, sip) = (free(), free());
        let settings = folder.join("baton.toml");
        let data = folder.join("data");
        let text = format!(
            "[server]\ndata_dir = \"{data}\"\n\
             [sip]\nlisten = [\"tls:{sip}\"]\ncertificate = \"{certificate}\"\nprivate_key = \"{key}\"\n\
             [http]\nlisten = \"https:{http}\"\nadmin_token_file = \"{data}/admin.token\"\n",
            data = data.display(),
            certificate = issued.certificate.display(),
            key = issued.key.display(),
        );
        std::fs::write(&settings, text).unwrap();
        let child = baton(&["serve", "--config", settings.to_str().unwrap()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let service = Self { child, settings, http, sip };
        let begun = Instant::now();
        // it listens before it has a token
        while std::net::TcpStream::connect(http).is_err() || !data.join("admin.token").exists() {
            assert!(begun.elapsed() < LIMIT, "the service does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        service
    }

    fn ask(&self, arguments: &[&str]) -> (i32, String) {
        let asked = baton(arguments).arg("--config").arg(&self.settings).output().unwrap();
        let said = [asked.stdout, asked.stderr].concat();
        (asked.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The serial number of the certificate that is shown at an address.
fn serial(address: SocketAddr) -> String {
    let shown = format!("openssl s_client -connect {address} </dev/null 2>/dev/null | openssl x509 -noout -serial");
    let output = Command::new("sh").args(["-c", &shown]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn the_command_line_talks_to_the_api_over_https_and_a_reload_replaces_the_certificate() {
    let authority = Authority::new();
    // for a name by which it is not reached: its own file is what the command line goes by
    let issued = authority.issue("DNS:pbx.example", 30);
    let service = Service::start(authority.folder(), &issued);
    let (code, said) = service.ask(&["calls", "--json"]);
    assert_eq!(code, 0, "{said}");
    let stranger = authority.issue("DNS:pbx.example", 30);
    let (code, said) = service.ask(&["calls", "--json", "--certificate", stranger.certificate.to_str().unwrap()]);
    assert!(code == 1 && said.contains("no daemon answers at https://"), "{said}");
    let plain = format!("http://{}", service.http);
    let (code, said) = service.ask(&["calls", "--json", "--url", &plain]);
    assert_eq!(code, 1, "nothing is answered in the clear: {said}");

    let before = serial(service.http);
    assert_eq!(before, serial(service.sip));
    std::fs::copy(&stranger.certificate, &issued.certificate).unwrap();
    std::fs::copy(&stranger.key, &issued.key).unwrap();
    let signalled = Command::new("kill").args(["-HUP", &service.child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let begun = Instant::now();
    while serial(service.http) == before || serial(service.sip) == before {
        assert!(begun.elapsed() < LIMIT, "the old certificate is still shown");
    }
    let (code, said) = service.ask(&["reload"]);
    assert_eq!(code, 0, "{said}");

    // one that does not fit changes nothing
    let after = serial(service.http);
    std::fs::write(&issued.key, "nothing").unwrap();
    let (code, said) = service.ask(&["reload"]);
    assert!(code == 1 && said.contains("sip.private_key has no private key"), "{said}");
    assert_eq!(serial(service.http), after);
}

#[test]
fn nothing_older_than_tls_1_2_is_spoken_on_either_port() {
    let authority = Authority::new();
    let service = Service::start(authority.folder(), &authority.issue(NAMES, 30));
    for address in [service.http, service.sip] {
        for (version, spoken) in [("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
            let said = Command::new("openssl")
                .args(["s_client", "-connect", &address.to_string(), version, "-cipher", "DEFAULT@SECLEVEL=0"])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let shaken = String::from_utf8_lossy(&said.stdout).contains("New, TLSv1.");
            assert_eq!(shaken, spoken, "{address} {version}");
        }
    }
}

#[test]
fn check_names_every_mistake_about_certificates_in_one_line() {
    let authority = Authority::new();
    let (one, other) = (authority.issue(NAMES, 30), authority.issue(NAMES, -1));
    let file = authority.folder().join("check.toml");
    let check = |sip: &str, more: &str| {
        std::fs::write(&file, format!("[sip]\n{sip}\n{more}")).unwrap();
        let said = baton(&["check", file.to_str().unwrap()]).output().unwrap();
        (said.status.code().unwrap_or(-1), String::from_utf8_lossy(&said.stderr).into_owned())
    };
    let pair = |certificate: &Path, key: &Path| {
        let (certificate, key) = (certificate.display(), key.display());
        format!("listen = [\"tls:127.0.0.1:5061\"]\ncertificate = \"{certificate}\"\nprivate_key = \"{key}\"")
    };
    let nowhere = Path::new("/nowhere.pem");
    let trunk = "[[trunks]]\nname = \"pstn\"\naddress = \"tls:127.0.0.9:5061\"\n";
    let cases = [
        (
            "listen = [\"tls:127.0.0.1:5061\"]".to_owned(),
            "",
            "2:11: sip.listen speaks TLS, which needs sip.certificate and",
        ),
        (
            String::new(),
            "[http]\nlisten = \"https:127.0.0.1:1\"",
            "http.listen speaks TLS, which needs sip.certificate and",
        ),
        (pair(nowhere, &one.key), "", "3:15: sip.certificate cannot be read"),
        (pair(&one.certificate, nowhere), "", "4:15: sip.private_key cannot be read"),
        (pair(&one.key, &one.key), "", "3:15: sip.certificate has no certificate in PEM form"),
        (pair(&one.certificate, &other.key), "", "3:15: sip.certificate and private_key do not fit"),
        (String::new(), trunk, "trunks[0].address speaks TLS, which needs a tls: address in sip.listen"),
        (String::new(), &trunk.replace("9:5061\"", "9:5061\"\nca = \"/nowhere.pem\""), "trunks[0].ca cannot be read"),
        (
            String::new(),
            &trunk.replace("9:5061\"", "9:5061\"\nserver_name = \"a b\""),
            "trunks[0].server_name is no name",
        ),
    ];
    for (sip, more, expected) in cases {
        let (code, said) = check(&sip, more);
        let lines = said.lines().filter(|line| line.contains(expected)).count();
        assert!(code == 1 && lines == 1, "{expected}: {said}");
        let mistakes = if more.contains("tls:127.0.0.9") && !expected.contains("listen") { 2 } else { 1 };
        assert!(said.ends_with(&format!("{mistakes} mistake{}\n", if mistakes == 1 { "" } else { "s" })), "{said}");
    }
    let (code, said) = check(&pair(&one.certificate, &one.key), "");
    assert!(code == 0 && !said.contains("certificate has") && !said.contains("not built"), "{said}");
    let (code, said) = check(&pair(&other.certificate, &other.key), "");
    assert!(code == 0 && said.contains("sip.certificate has expired on "), "{said}");
}
