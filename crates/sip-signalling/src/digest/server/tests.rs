//! The server against our own client, since `hash` is checked against the RFCs and an independent generator; rows B1 to
//! B9 of `trust.md`.
#![allow(clippy::unwrap_used)]

use rsip::{Request, Response, SipMessage};

use super::*;
use crate::codec::{parse, push};
use crate::digest::DigestClient;
use crate::digest::client::CannotAnswer;

const HOME: &str = "192.0.2.1";
const KEY: NonceKey = [7; 32];

struct House {
    server: DigestServer,
    alice: Ha1s,
    salt: u64,
}

impl House {
    fn new(algorithms: &[Algorithm]) -> Self {
        let alice = Ha1s::of("alice", "baton.local", &Secret("alice-secret".into()));
        Self { server: DigestServer::new("baton.local", algorithms.to_vec(), KEY, true), alice, salt: 0 }
    }

    fn judge(&mut self, now: Moment, source: &str, request: &Request) -> Judged {
        let attempt = Attempt::of(request, source.parse().unwrap());
        self.server.judge(now, &attempt, |user| (user == "alice").then_some(&self.alice))
    }

    /// A 401 as the endpoint would make it.
    fn unauthorized(&mut self, now: Moment, source: &str, stale: bool) -> Response {
        self.salt += 1;
        let mut response = Response { status_code: 401.into(), ..Response::default() };
        for value in self.server.challenges(now, source.parse().unwrap(), stale, self.salt) {
            push(&mut response.headers, "WWW-Authenticate", value);
        }
        response
    }

    /// A client that has the challenge of this moment.
    fn client(&mut self, now: Moment, user: &str, password: &str) -> DigestClient {
        let mut client = DigestClient::new(user, &Secret(password.into()));
        client.challenged(&self.unauthorized(now, HOME, false)).unwrap();
        client
    }
}

fn both() -> House {
    House::new(&[Algorithm::Sha256, Algorithm::Md5])
}

fn at(seconds: u64) -> Moment {
    Moment(1_000_000_000 + seconds * 1_000_000)
}

fn register() -> Request {
    let text = "REGISTER sip:baton.local SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:alice@baton.local>;tag=1\r\n\
         To: <sip:alice@baton.local>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n\r\n";
    match parse(text.as_bytes()) {
        Ok(SipMessage::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn signed(client: &mut DigestClient) -> Request {
    let mut request = register();
    client.authorize(&mut request, "c0ffee");
    request
}

/// The same request with its credentials changed.
fn altered(request: &Request, old: &str, new: &str) -> Request {
    let value = all(&request.headers, "Authorization").next().unwrap();
    assert!(value.contains(old), "{old} is not in {value}");
    let mut request = register();
    push(&mut request.headers, "Authorization", value.replacen(old, new, 1));
    request
}

fn granted() -> Verdict {
    Verdict::Granted { user: "alice".into() }
}

fn challenged(stale: bool) -> Verdict {
    Verdict::Challenge { stale, after: Duration::ZERO }
}

#[test]
fn the_right_password_is_let_in_by_either_algorithm() {
    for algorithms in [&[Algorithm::Sha256, Algorithm::Md5][..], &[Algorithm::Sha256], &[Algorithm::Md5]] {
        let mut house = House::new(algorithms);
        let mut client = house.client(at(0), "alice", "alice-secret");
        assert_eq!(house.judge(at(0), HOME, &signed(&mut client)).verdict, granted());
        assert_eq!(
            house.judge(at(30), HOME, &signed(&mut client)).verdict,
            granted(),
            "the nonce serves again, counted on"
        );
    }
    assert_eq!(both().judge(at(0), HOME, &register()).verdict, challenged(false));
}

/// B7
#[test]
fn sha_256_is_offered_first_then_md5_and_what_is_off_is_not_taken() {
    let names = |house: &House| house.server.challenges(at(0), HOME.parse().unwrap(), true, 1);
    let offered = names(&both());
    assert!(
        offered[0].contains("algorithm=SHA-256, qop=\"auth\", stale=true") && offered[1].contains("algorithm=MD5"),
        "{offered:?}"
    );
    assert_eq!(names(&House::new(&[Algorithm::Md5])).len(), 1);
    let mut house = House::new(&[Algorithm::Sha256]);
    let mut md5 = House::new(&[Algorithm::Md5]).client(at(0), "alice", "alice-secret");
    assert_eq!(house.judge(at(0), HOME, &signed(&mut md5)).verdict, challenged(false));
}

/// B1
#[test]
fn nobody_and_somebody_with_a_wrong_password_are_told_the_same() {
    let mut house = both();
    let (mut known, mut unknown) = (house.client(at(0), "alice", "wrong"), house.client(at(0), "mallory", "wrong"));
    for _ in 0..12 {
        assert_eq!(
            house.judge(at(0), HOME, &signed(&mut known)).verdict,
            house.judge(at(0), HOME, &signed(&mut unknown)).verdict
        );
    }
    assert!(matches!(house.judge(at(0), HOME, &signed(&mut unknown)).verdict, Verdict::Banned { .. }));
    let nobody = Ha1s::of("", "baton.local", &Secret("07".repeat(32)));
    assert_eq!(house.server.nobody, nobody, "the secret of nobody lets nobody in, even if guessed:");
    let mut guessed = house.client(at(0), "", &"07".repeat(32));
    assert_ne!(house.judge(at(0), HOME, &signed(&mut guessed)).verdict, granted());
}

/// B2
#[test]
fn ten_wrong_passwords_ban_one_address_and_a_right_login_from_another_works() {
    let mut house = both();
    let mut wrong = house.client(at(0), "alice", "wrong");
    let judged: Vec<_> = (0..10).map(|_| house.judge(at(0), HOME, &signed(&mut wrong))).collect();
    assert_eq!(
        judged.iter().filter_map(|judged| judged.alarm.as_ref()).map(|alarm| alarm.rule).collect::<Vec<_>>(),
        ["password-ban"]
    );
    let mut right = house.client(at(1), "alice", "alice-secret");
    assert_eq!(house.judge(at(1), HOME, &signed(&mut right)).verdict, Verdict::Banned { until: at(300) });
    let mut away = DigestClient::new("alice", &Secret("alice-secret".into()));
    away.challenged(&house.unauthorized(at(1), "192.0.2.2", false)).unwrap();
    assert_eq!(house.judge(at(1), "192.0.2.2", &signed(&mut away)).verdict, granted());
    let mut later = house.client(at(301), "alice", "alice-secret");
    assert_eq!(house.judge(at(301), HOME, &signed(&mut later)).verdict, granted());
}

/// B3
#[test]
fn guesses_from_everywhere_slow_a_user_down_and_lock_nobody_out() {
    let mut house = both();
    let mut alarms = 0;
    let mut last = Duration::ZERO;
    for host in 0..200 {
        let source = format!("198.51.100.{host}");
        let mut guess = DigestClient::new("alice", &Secret(format!("guess{host}")));
        guess.challenged(&house.unauthorized(at(0), &source, false)).unwrap();
        let judged = house.judge(at(0), &source, &signed(&mut guess));
        alarms += u32::from(judged.alarm.as_ref().is_some_and(|alarm| alarm.rule == "password-siege"));
        let Verdict::Challenge { after, .. } = judged.verdict else { panic!("{judged:?}") };
        last = after;
    }
    assert!(alarms == 1 && last >= Duration::from_secs(1), "{alarms} alarms, the last answer waits {last:?}");
    let mut right = house.client(at(0), "alice", "alice-secret");
    assert_eq!(house.judge(at(0), HOME, &signed(&mut right)).verdict, granted());
}

#[test]
fn loopback_is_not_banned_unless_told() {
    let mut house = both();
    house.server.ban_loopback = false;
    let mut client = DigestClient::new("alice", &Secret("wrong".into()));
    client.challenged(&house.unauthorized(at(0), "127.0.0.1", false)).unwrap();
    for _ in 0..30 {
        assert_eq!(house.judge(at(0), "127.0.0.1", &signed(&mut client)).verdict, challenged(false));
    }
}

/// B4, B5
#[test]
fn a_count_must_rise() {
    let mut house = both();
    let mut client = house.client(at(0), "alice", "alice-secret");
    let requests: Vec<_> = (0..9).map(|_| signed(&mut client)).collect();
    let mut judge = |which: usize| house.judge(at(1), HOME, &requests[which]).verdict;
    assert_eq!(judge(0), granted());
    assert_eq!(judge(0), challenged(true), "replayed");
    assert_eq!(judge(7), granted(), "a gap");
    assert_eq!(judge(3), challenged(true), "backward");
    assert_eq!(judge(8), granted());
}

/// B6
#[test]
fn old_foreign_and_forged_nonces_are_told_apart() {
    let mut house = both();
    let mut client = house.client(at(0), "alice", "alice-secret");
    assert_eq!(house.judge(at(61), HOME, &signed(&mut client)).verdict, challenged(true), "expired");
    assert_eq!(house.judge(at(1), "192.0.2.2", &signed(&mut client)).verdict, challenged(true), "another address");
    let mut other_node = both().client(at(0), "alice", "alice-secret");
    assert_eq!(house.judge(at(1), HOME, &signed(&mut other_node)).verdict, granted(), "the nodes share the key");
    let mut forged = DigestClient::new("alice", &Secret("alice-secret".into()));
    let mut response = Response { status_code: 401.into(), ..Response::default() };
    push(
        &mut response.headers,
        "WWW-Authenticate",
        "Digest realm=\"baton.local\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"",
    );
    forged.challenged(&response).unwrap();
    assert_eq!(house.judge(at(1), HOME, &signed(&mut forged)).verdict, challenged(false));
}

/// B8
#[test]
fn credentials_serve_only_the_request_they_were_made_for() {
    let mut house = both();
    let mut client = house.client(at(0), "alice", "alice-secret");
    let mut other = register();
    other.uri = SipUri::parse("sip:other.example").unwrap().to_rsip();
    client.authorize(&mut other, "c");
    other.uri = register().uri;
    assert_eq!(house.judge(at(1), HOME, &other).verdict, challenged(false), "another Request-URI");
    let mut swapped = signed(&mut client);
    swapped.method = rsip::Method::Invite;
    assert_eq!(house.judge(at(1), HOME, &swapped).verdict, challenged(false), "another method");
    let auth_int = altered(&signed(&mut client), "qop=auth", "qop=auth-int");
    assert_eq!(house.judge(at(1), HOME, &auth_int).verdict, challenged(false), "auth-int was not offered");
    let mut moved = register();
    moved.uri = SipUri::parse("sip:baton.local:5060;transport=tcp").unwrap().to_rsip();
    push(&mut moved.headers, "Authorization", all(&signed(&mut client).headers, "Authorization").next().unwrap());
    assert_eq!(house.judge(at(1), HOME, &moved).verdict, granted(), "parameters and the default port do not matter");
}

/// B9
#[test]
fn incomplete_doubled_and_foreign_credentials_are_challenged() {
    let mut house = both();
    let mut client = house.client(at(0), "alice", "alice-secret");
    let good = signed(&mut client);
    let value = all(&good.headers, "Authorization").next().unwrap().to_owned();
    let fields: Vec<_> = value.trim_start_matches("Digest ").split(", ").collect();
    for (missing, field) in fields.iter().enumerate().filter(|(_, field)| !field.starts_with("algorithm")) {
        let rest: Vec<_> =
            fields.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, field)| *field).collect();
        let mut request = register();
        push(&mut request.headers, "Authorization", format!("Digest {}", rest.join(", ")));
        assert_eq!(house.judge(at(1), HOME, &request).verdict, challenged(false), "without {field}");
    }
    let values = [
        "Digest",
        "",
        "Digest ,",
        "Digest \"",
        "Basic YWxpY2U6YWxpY2Utc2VjcmV0",
        "NoOneKnowsThisScheme opaque-data=here",
        "Digest username",
    ];
    for value in values {
        let mut request = register();
        push(&mut request.headers, "Authorization", value);
        assert_eq!(house.judge(at(1), HOME, &request).verdict, challenged(false), "{value:?}");
    }
    let mut doubled = good.clone();
    push(&mut doubled.headers, "Authorization", value.clone());
    assert_eq!(house.judge(at(1), HOME, &doubled).verdict, challenged(false));
    let mut beside = good;
    push(&mut beside.headers, "Authorization", "Digest realm=\"elsewhere\", username=\"x\"");
    assert_eq!(house.judge(at(1), HOME, &beside).verdict, granted(), "credentials for another realm do no harm");
    for (old, new) in [
        ("nc=00000001", "nc=+0000001"),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=zzzzzzzz"),
        ("realm=\"baton", "realm=\"x"),
    ] {
        let mut client = house.client(at(1), "alice", "alice-secret");
        assert_eq!(
            house.judge(at(1), HOME, &altered(&signed(&mut client), old, new)).verdict,
            challenged(false),
            "{new}"
        );
    }
}

#[test]
fn the_form_without_qop_serves_once_and_only_with_md5() {
    for (algorithm, allowed) in [(Algorithm::Md5, true), (Algorithm::Sha256, false)] {
        let mut house = House::new(&[algorithm]);
        let mut response = house.unauthorized(at(0), HOME, false);
        let value = all(&response.headers, "WWW-Authenticate").next().unwrap().replace(", qop=\"auth\"", "");
        crate::codec::set(&mut response.headers, "WWW-Authenticate", value);
        let mut old_phone = DigestClient::new("alice", &Secret("alice-secret".into()));
        old_phone.challenged(&response).unwrap();
        let request = signed(&mut old_phone);
        assert_eq!(house.judge(at(0), HOME, &request).verdict, if allowed { granted() } else { challenged(false) });
        assert_eq!(house.judge(at(0), HOME, &request).verdict, challenged(allowed), "again");
    }
}

#[test]
fn a_client_takes_the_strongest_challenge_and_knows_a_refusal() {
    let mut house = both();
    let mut client = DigestClient::new("alice", &Secret("alice-secret".into()));
    let mut first = house.unauthorized(at(0), HOME, false);
    let mut values: Vec<_> = all(&first.headers, "WWW-Authenticate").map(str::to_owned).collect();
    values.reverse();
    values.push("Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512-256, qop=\"auth\"".into());
    crate::codec::remove(&mut first.headers, "WWW-Authenticate");
    values
        .iter()
        .for_each(|value| push(&mut first.headers, "WWW-Authenticate", value.replace("qop", "opaque=\"o\\\"p\", qop")));
    client.challenged(&first).unwrap();
    let value = all(&signed(&mut client).headers, "Authorization").next().unwrap().to_owned();
    assert!(value.contains("algorithm=SHA-256") && value.ends_with("opaque=\"o\\\"p\""), "{value}");
    assert!(value.contains("nc=00000001") && value.contains("qop=auth,"), "{value}");
    assert_eq!(client.challenged(&first), Err(CannotAnswer::Refused), "the same nonce again means a wrong password");
    assert_eq!(client.challenged(&house.unauthorized(at(1), HOME, true)), Ok(()));
    let bare = Response { status_code: 401.into(), ..Response::default() };
    assert_eq!(DigestClient::new("a", &Secret("b".into())).challenged(&bare), Err(CannotAnswer::NotUnderstood));
    let mut proxy = Response { status_code: 407.into(), ..Response::default() };
    push(&mut proxy.headers, "Proxy-Authenticate", "Digest realm=\"x\", nonce=\"y\", qop=\"auth-int,auth\"");
    client.challenged(&proxy).unwrap();
    assert!(all(&signed(&mut client).headers, "Proxy-Authorization").next().unwrap().contains("algorithm=MD5"));
}
