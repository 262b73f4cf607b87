//! How legs sound: a bad way, and what a phone tells of its own end, in `baton call ID`, in the API and in the metrics.

use std::time::Duration;

use baton_tests::desk::Desk;
use baton_tests::hearing::until_heard;
use baton_tests::house::{ALICES_NUMBER, CUSTOMERS, House, tones};
use baton_tests::people::SOON;
use baton_tests::raw::{RawCall, sdp};
use baton_tests::shell::Shell;
use serde_json::Value;
use softphone::{LineState, Wire};

/// One packet in ten is lost.
const LOSSY: Wire = Wire { delay: Duration::from_millis(10), jitter: Duration::from_millis(5), loss: 0.1 };
/// Longer than two reports are apart.
const REPORTED: Duration = Duration::from_secs(12);

/// The quality of the only leg of whoever has this role.
fn quality_of(call: &Value, role: &str) -> Value {
    let people = call["participants"].as_array().expect("participants");
    let person = people.iter().find(|person| person["role"] == role).expect("somebody of that role");
    person["legs"][0]["quality"].clone()
}

/// A receiver report about `ssrc` and VoIP metrics (RFC 3550 §6.4.2, RFC 3611 §4.7), as a phone with a bad way writes them.
fn reports(ssrc: [u8; 4], last_sr: [u8; 4]) -> Vec<u8> {
    let own = 0x0bad_cafe_u32.to_be_bytes();
    let [lost, highest, jitter, held] = [[13, 0, 0, 5], [0, 0, 1, 0], [0, 0, 0, 80], [0, 0, 0, 1]];
    let report = [&[0x81, 201, 0, 7][..], &own, &ssrc, &lost, &highest, &jitter, &last_sr, &held].concat();
    let metrics = [
        &[7, 0, 0, 8][..],
        &ssrc,
        &[13, 2, 0, 13, 0, 0, 0, 0, 0, 60, 0, 70, 127, 127, 127, 16, 60, 127, 33, 31, 0xb0, 0, 0, 40, 0, 60, 0, 60],
    ]
    .concat();
    [report, [&[0x80, 207, 0, 10][..], &own].concat(), metrics].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_way_shows_everywhere_and_what_a_phone_tells_of_its_own_end() {
    let house = House::open().await;
    let (alice, shell, desk) = (house.alice().await, Shell::of(&house), Desk::operator(&house));
    // a phone of text that mixes RTP and RTCP in one port, and asks for extended reports
    let asks = "a=rtcp-mux\r\na=rtcp-xr:rcvr-rtt=all voip-metrics\r\n";
    let called = RawCall::dial_with(CUSTOMERS, house.udp, ALICES_NUMBER, |audio| sdp(audio, asks));
    let (customer, hers) = tokio::join!(called, alice.answers());
    let customer = customer.expect("an answer");
    assert!(customer.described.contains("a=rtcp-xr:") && customer.described.contains("a=rtcp-mux"));
    alice.comes_to(hers, LineState::Live).await;
    alice.phone.wire(hers, LOSSY);
    customer.audio.says(customer.remote, tones::CUSTOMER);
    assert!(until_heard(&alice.ear(hers), tones::CUSTOMER, SOON).await);

    // the server tells how the customer's sound arrives
    let told = customer.audio.until_reported(REPORTED).await.expect("a report");
    let (kind, ssrc, middle) =
        (told[1], [told[4], told[5], told[6], told[7]], [told[10], told[11], told[12], told[13]]);
    assert_eq!(kind, 200, "a sender report");
    let extended = told.chunks_exact(4).position(|word| word[..2] == [0x80, 207]).expect("an extended report");
    let metrics = &told[extended * 4 + 8..];
    assert_eq!(
        (metrics[0], &metrics[4..8]),
        (7, &0x0bad_cafe_u32.to_be_bytes()[..]),
        "VoIP metrics about the customer"
    );
    assert!((40..=45).contains(&metrics[26]), "MOS of a good way: {}", metrics[26]);
    customer.audio.throw(&reports(ssrc, middle), customer.remote).await;

    let call = shell.only_call().await;
    let end = std::time::Instant::now() + REPORTED;
    let (customers, alices) = loop {
        let sheet = &shell.sheet(&call).await["call"];
        let (customers, alices) = (quality_of(sheet, "customer"), quality_of(sheet, "agent"));
        let heard_enough = alices["received"].as_u64().is_some_and(|packets| packets > 150);
        if !customers["there"].is_null() && heard_enough {
            break (customers, alices);
        }
        assert!(std::time::Instant::now() < end, "{customers} {alices}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    assert_eq!(number(&customers["there"]["mos"]).mul_add(10.0, 0.5).floor(), 31.0, "{customers}");
    assert_eq!(number(&customers["there"]["jitter_ms"]), 10.0, "80 of 8000 a second");
    assert!(number(&customers["round_trip_ms"]) < 1_000.0 && number(&customers["mos"]) > 4.0, "{customers}");
    assert_eq!((customers["codec"].as_str(), customers["encryption"].as_str()), (Some("PCMU"), None));
    // the lossy way, by its own numbers
    let (received, lost) = (number(&alices["received"]), number(&alices["lost"]));
    let share = lost / (received + lost);
    assert!((0.04..0.2).contains(&share), "{share} of Alice's packets are lost");
    assert!(number(&alices["mos"]) < 3.9 && number(&alices["delay_ms"]) >= 20.0, "{alices}");

    // the same by the API, and as people read it
    let by_api = desk.get(&format!("/v1/calls/{call}")).await.done(200);
    assert_eq!(quality_of(&by_api, "customer")["there"]["mos"], customers["there"]["mos"]);
    let shown = shell.does(&["call", &call]).await;
    assert!(shown.contains("DELAY") && shown.contains("MOS 3.1") && shown.contains("PCMU"), "{shown}");

    alice.hangs_up(hers);
    let mut customer = customer;
    customer.is_hung_up().await;
    house.is_empty().await;
    for name in ["mos", "loss_ratio", "jitter_seconds", "delay_seconds"] {
        assert_eq!(desk.number(&format!("baton_media_leg_{name}_count")).await, 2.0, "{name}");
    }
    assert_eq!(desk.number("baton_media_leg_round_trip_seconds_count").await.min(1.0), 1.0);
    assert_eq!(desk.number("baton_media_leg_mos_bucket{le=\"3.6\"}").await.max(1.0), 1.0);
    // and in the record of the call that is over
    let record = &shell.sheet(&call).await["record"];
    assert_eq!(quality_of(record, "customer")["there"]["mos"], customers["there"]["mos"], "{record}");
    house.close().await;
}
