//! Rows A and B of the list of attacks, over UDP and TCP: each gets its answer, and a call that is up hears nothing of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use baton_tests::hearing::Talk;
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, DOMAIN, House};
use baton_tests::people::connect;
use baton_tests::raw::{LIMIT, Message, Peer, authorize, part, sdp};

/// Nobody knows this address.
const STRANGERS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));
const AGENTS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SDP: &str = "Content-Type: application/sdp\r\n";

/// One peer over each transport.
async fn peers(house: &House, from: IpAddr) -> [Peer; 2] {
    [Peer::udp(from, house.udp).await, Peer::tcp(from, house.tcp).await]
}

/// Runs an attack on a house in which a customer talks with Alice, and looks that both are unharmed.
async fn attack(name: &str, attack: impl AsyncFn(&House)) {
    let house = House::open().await;
    let (alice, customer) = (house.alice().await, house.customer().await);
    let (theirs, hers) = connect(&customer, ALICES_NUMBER, &alice).await;
    let mut talk = Talk::of((&customer, theirs), (&alice, hers)).await;
    attack(&house).await;
    talk.is_unharmed(name).await;
    house.freeze_and_thaw(2).await;
    talk.goes_on().await;
    assert!(alice.phone.lines().len() == 1, "{name}: somebody else rang Alice");
    alice.hangs_up(hers);
    customer.is_let_go(theirs).await;
    house.close().await;
}

fn status(answer: &Message) -> u16 {
    answer.status().unwrap_or(0)
}

/// A2
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_version_of_sip_is_505() {
    attack("version", async |house: &House| {
        for mut peer in peers(house, CUSTOMERS).await {
            let mut dialog = peer.dialog("x", "101");
            let request = peer.request(&mut dialog, "OPTIONS", "", "").replacen(" SIP/2.0\r\n", " SIP/7.0\r\n", 1);
            assert_eq!(status(&peer.ask(&request).await), 505, "{}", peer.transport());
        }
    })
    .await;
}

/// A3
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_content_length_is_400_and_ends_a_stream() {
    attack("length", async |house: &House| {
        for wrong in ["Content-Length: -999\r\n", "Content-Length: 5\r\nContent-Length: 7\r\n"] {
            for mut peer in peers(house, CUSTOMERS).await {
                let mut dialog = peer.dialog("x", "101");
                let request = peer.request(&mut dialog, "OPTIONS", "", "").replace("Content-Length: 0\r\n", wrong);
                assert_eq!(status(&peer.ask(&request).await), 400, "{wrong:?} over {}", peer.transport());
                if peer.transport() == "TCP" {
                    assert!(peer.is_closed(LIMIT).await, "{wrong:?} leaves the stream open");
                }
            }
        }
        let mut peer = Peer::udp(CUSTOMERS, house.udp).await;
        let mut dialog = peer.dialog("x", "101");
        let longer = peer.request(&mut dialog, "OPTIONS", "", "").replace("Content-Length: 0", "Content-Length: 9999");
        assert_eq!(status(&peer.ask(&longer).await), 400, "longer than its datagram");
    })
    .await;
}

/// A9, A10, A11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_we_do_not_speak_is_named_in_the_answer() {
    attack("unknown", async |house: &House| {
        for mut peer in peers(house, CUSTOMERS).await {
            let over = peer.transport();
            let own = SocketAddr::new(CUSTOMERS, 4_000);
            for scheme in ["nobodyKnowsThisScheme:totallyopaquecontent", "soap.beep://192.0.2.103:3002"] {
                let mut dialog = peer.dialog("x", "101");
                dialog.target = scheme.to_owned();
                let request = peer.request(&mut dialog, "OPTIONS", "", "");
                assert_eq!(status(&peer.ask(&request).await), 416, "{scheme} over {over}");
            }
            let mut dialog = peer.dialog("x", "101");
            let require = "Require: nothingSupportsThis, nothingSupportsThisEither\r\n";
            let request = peer.request(&mut dialog, "OPTIONS", require, "");
            let answer = peer.ask(&request).await;
            let unsupported = answer.all("Unsupported").collect::<Vec<_>>().join(",");
            assert_eq!(status(&answer), 420, "{over}");
            assert!(unsupported.contains("nothingSupportsThis") && unsupported.contains("nothingSupportsThisEither"));
            let mut dialog = peer.dialog("x", "101");
            let request = peer.request(&mut dialog, "INVITE", "Content-Type: application/unknownformat\r\n", "<xml/>");
            let answer = peer.ask(&request).await;
            peer.acknowledge_failure(&request, &answer).await;
            assert_eq!((status(&answer), answer.header("Accept")), (415, Some("application/sdp")), "{over}");
            let mut dialog = peer.dialog("x", "101");
            let accept = format!("{SDP}Accept: text/nobodyKnowsThis\r\n");
            let request = peer.request(&mut dialog, "INVITE", &accept, &sdp(own, ""));
            let answer = peer.ask(&request).await;
            peer.acknowledge_failure(&request, &answer).await;
            assert_eq!(status(&answer), 406, "{over}");
        }
    })
    .await;
}

/// B1: the same bytes but for the nonce and what is repeated from the request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_learns_who_exists() {
    attack("enumeration", async |house: &House| {
        for mut peer in peers(house, STRANGERS).await {
            for method in ["OPTIONS", "REGISTER", "INVITE"] {
                let mut seen = Vec::new();
                for user in ["alice", "zzzzz"] {
                    let mut dialog = peer.dialog(user, user);
                    let request = peer.request(&mut dialog, method, "", "");
                    let answer = peer.ask(&request).await;
                    if method == "INVITE" {
                        peer.acknowledge_failure(&request, &answer).await;
                    }
                    assert_eq!(status(&answer), 401, "{method} for {user}");
                    seen.push(without_echoes(&answer));
                }
                assert_eq!(seen[0], seen[1], "{method} over {}", peer.transport());
            }
        }
    })
    .await;
}

/// An answer without what it repeats of its request, and without its nonces.
fn without_echoes(answer: &Message) -> Vec<String> {
    let echoed = ["Via", "From", "To", "Call-ID", "CSeq"];
    let shown = |(name, value): &(String, String)| {
        let value = match part(value, "nonce") {
            _ if echoed.contains(&name.as_str()) => String::new(),
            Some(nonce) => value.replace(nonce, &"n".repeat(nonce.len())),
            None => value.clone(),
        };
        format!("{name}: {value}")
    };
    std::iter::once(answer.start.clone()).chain(answer.headers.iter().map(shown)).collect()
}

/// Registers `aor` with the credentials of `user` and these Contact lines.
async fn registers(peer: &mut Peer, aor: &str, user: &str, contacts: &str) -> Message {
    let mut dialog = peer.registration(user);
    dialog.remote = format!("<sip:{aor}@{DOMAIN}>");
    let plain = format!("Contact: {}\r\n", peer.contact("raw"));
    let request = peer.request(&mut dialog, "REGISTER", "", "").replace(&plain, contacts);
    let challenge = peer.ask(&request).await;
    if status(&challenge) != 401 {
        return challenge;
    }
    let header = authorize(&challenge, user, &format!("{user}-secret"), "REGISTER", &dialog.target);
    let request = peer.request(&mut dialog, "REGISTER", &header, "").replace(&plain, contacts);
    peer.ask(&request).await
}

/// B10
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alices_password_does_not_register_bob() {
    attack("foreign registration", async |house: &House| {
        for mut peer in peers(house, AGENTS).await {
            let contact = format!("Contact: {}\r\n", peer.contact("raw"));
            assert_eq!(status(&registers(&mut peer, "bob", "alice", &contact).await), 403, "{}", peer.transport());
            let mut call = peer.dialog("raw", "102");
            let request = peer.request(&mut call, "INVITE", SDP, &sdp(peer.own, ""));
            let answer = peer.ask(&request).await;
            assert_eq!(status(&answer), 401, "and an INVITE without credentials is nobody's");
            peer.acknowledge_failure(&request, &answer).await;
        }
    })
    .await;
}

/// B11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_must_be_where_its_phone_is() {
    attack("contacts", async |house: &House| {
        for mut peer in peers(house, AGENTS).await {
            let ours = [house.udp.to_string(), house.tcp.to_string()];
            let elsewhere = ["127.0.0.9:5070", "0.0.0.0:5070", "[::1]:5070", "224.0.0.1:5070", "239.1.2.3"];
            for place in elsewhere.iter().copied().chain(ours.iter().map(String::as_str)) {
                let contact = format!("Contact: <sip:bob@{place}>\r\n");
                let answer = registers(&mut peer, "bob", "bob", &contact).await;
                assert_eq!(status(&answer), 403, "{place} over {}", peer.transport());
            }
            let contact = format!("Contact: {}\r\n", peer.contact("bob"));
            assert_eq!(status(&registers(&mut peer, "bob", "bob", &contact).await), 200, "its own address");
        }
    })
    .await;
}

/// B12, B13
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registrations_have_limits() {
    attack("registrations", async |house: &House| {
        for (mut peer, name) in peers(house, AGENTS).await.into_iter().zip(["bob", "carol"]) {
            let over = peer.transport();
            let own = peer.own;
            for n in 1..=11 {
                let contact = format!("Contact: <sip:phone{n}@{own}>\r\nExpires: 300\r\n");
                let expected = if n <= 10 { 200 } else { 403 };
                assert_eq!(
                    status(&registers(&mut peer, name, name, &contact).await),
                    expected,
                    "contact {n} over {over}"
                );
            }
            let star = "Contact: *\r\nExpires: 300\r\n";
            assert_eq!(status(&registers(&mut peer, name, name, star).await), 400, "* that does not end");
            let star = "Contact: *\r\nExpires: 0\r\n";
            assert_eq!(status(&registers(&mut peer, name, name, star).await), 200, "* that ends");
            let short = format!("Contact: <sip:phone@{own}>\r\nExpires: 5\r\n");
            let answer = registers(&mut peer, name, name, &short).await;
            assert_eq!((status(&answer), answer.header("Min-Expires")), (423, Some("60")));
            let long = format!("Contact: <sip:phone@{own}>\r\nExpires: 6048000\r\n");
            let answer = registers(&mut peer, name, name, &long).await;
            let expires = answer.header("Contact").and_then(|contact| part(contact, "expires")).map(str::to_owned);
            assert_eq!((status(&answer), expires.as_deref()), (200, Some("3600")), "70 days");
            let many: String = (0..1_000).map(|n| format!("Contact: <sip:p{n}@{own}>\r\n")).collect();
            let mut dialog = peer.registration(name);
            let plain = format!("Contact: {}\r\n", peer.contact("raw"));
            let request = peer.request(&mut dialog, "REGISTER", "", "").replace(&plain, &many);
            assert_eq!(status(&peer.ask(&request).await), 400, "a thousand contacts");
        }
    })
    .await;
}

/// B14
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_stranger_asks_is_401() {
    attack("methods", async |house: &House| {
        for mut peer in peers(house, STRANGERS).await {
            for method in ["MESSAGE", "SUBSCRIBE", "PUBLISH", "OPTIONS", "REGISTER", "REFER"] {
                let mut dialog = peer.dialog("x", "alice");
                let request = peer.request(&mut dialog, method, "Event: presence\r\nExpires: 60\r\n", "");
                assert_eq!(status(&peer.ask(&request).await), 401, "{method} over {}", peer.transport());
            }
        }
    })
    .await;
}

/// B17
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scanners_hear_nothing() {
    attack("scanners", async |house: &House| {
        for mut peer in peers(house, STRANGERS).await {
            for scanner in ["friendly-scanner", "sipvicious/0.3", "PPLSIP"] {
                let mut dialog = peer.dialog("x", "100");
                let agent = format!("User-Agent: {scanner}\r\n");
                let request = peer.request(&mut dialog, "OPTIONS", &agent, "");
                let answer = peer.try_ask(&request, Duration::from_millis(400)).await;
                assert!(answer.is_none(), "{scanner} over {}: {answer:?}", peer.transport());
            }
            let mut dialog = peer.dialog("x", "100");
            let request = peer.request(&mut dialog, "OPTIONS", "User-Agent: a phone\r\n", "");
            assert_eq!(status(&peer.ask(&request).await), 401);
        }
    })
    .await;
}

/// B18
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_never_dials_out() {
    attack("toll", async |house: &House| {
        let mut carrier = Peer::udp_at(house.carrier, house.udp).await;
        for mut peer in peers(house, STRANGERS).await {
            for number in ["+19005550100", "4930123456"] {
                let mut dialog = peer.dialog("alice", number);
                let request = peer.request(&mut dialog, "INVITE", SDP, &sdp(peer.own, ""));
                let answer = peer.ask(&request).await;
                assert_eq!(status(&answer), 401, "{number} over {}", peer.transport());
                peer.acknowledge_failure(&request, &answer).await;
                let progress = |message: &Message| message.status().is_some_and(|status| status < 200);
                assert!(peer.next_that(Duration::from_millis(50), progress).await.is_none(), "a stranger sees 1xx");
            }
        }
        // nor does a customer, by whatever number
        let mut peer = Peer::udp(CUSTOMERS, house.udp).await;
        let mut dialog = peer.dialog("+15550100", "+19005550100");
        let request = peer.request(&mut dialog, "INVITE", SDP, &sdp(peer.own, ""));
        let answer = peer.ask(&request).await;
        assert_eq!(status(&answer), 404);
        peer.acknowledge_failure(&request, &answer).await;
        let dialled = carrier.next(Duration::from_millis(200)).await;
        assert!(dialled.is_none(), "the carrier was dialled: {dialled:?}");
    })
    .await;
}

/// C9, as far as there are dialogs: who is not in a call cannot end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guessed_bye_is_481() {
    attack("forged BYE", async |house: &House| {
        for mut peer in peers(house, STRANGERS).await {
            let mut dialog = peer.dialog("x", "alice");
            dialog.remote = format!("<sip:alice@{DOMAIN}>;tag=guessed");
            for method in ["BYE", "INFO", "UPDATE", "INVITE"] {
                let request = peer.request(&mut dialog, method, "", "");
                let answer = peer.ask(&request).await;
                assert_eq!(status(&answer), 481, "{method} over {}", peer.transport());
                if method == "INVITE" {
                    peer.acknowledge_failure(&request, &answer).await;
                }
            }
        }
    })
    .await;
}
