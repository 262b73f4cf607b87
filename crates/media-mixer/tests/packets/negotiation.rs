//! What happens to a negotiation over a call: holds of every form, re-offers, versions, our own offers, freeze and thaw.

use media_mixer::sdp::{Agreement, Codec, Direction, LocalMedia, OpusSettings, SdpError, Session, SrtpTerms, Wish};

use crate::legal::{assert_legal, fixture};
use crate::offers::session;

/// The other side of a call: a softphone on 127.0.0.1, port 20000.
fn phone() -> Session {
    Session::new(LocalMedia {
        address: "127.0.0.1".parse().unwrap(),
        port: 20_000,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        session_id: 7,
        opus: OpusSettings::default(),
        srtp: SrtpTerms::default(),
    })
}

fn line<'a>(description: &'a [u8], start: &str) -> &'a str {
    let text = std::str::from_utf8(description).unwrap();
    text.lines().find(|line| line.starts_with(start)).unwrap_or("")
}

fn direction_of(description: &[u8]) -> &str {
    let text = std::str::from_utf8(description).unwrap();
    let ways = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"];
    text.lines().find(|line| ways.contains(line)).unwrap_or("")
}

/// `offerer` offers with this wish, `answerer` answers: (answer, what the answerer read, what the offerer read).
fn exchange(offerer: &mut Session, answerer: &mut Session, wish: Wish) -> (Vec<u8>, Agreement, Agreement) {
    let offer = offerer.reoffer(wish);
    let (answer, theirs) = answerer.answer(&offer).unwrap();
    assert_legal(&offer, &answer);
    let ours = offerer.accept(&answer).unwrap();
    (answer.to_vec(), theirs, ours)
}

#[test]
fn every_hold_form_is_away_and_never_answered_sendrecv() {
    let forms = [
        ("hold-sendonly", "a=recvonly", true),
        ("hold-session-level", "a=recvonly", true),
        ("hold-no-line-end", "a=recvonly", true),
        ("hold-inactive", "a=inactive", true),
        ("hold-zero", "a=recvonly", false),
        ("hold-zero-on-the-line", "a=recvonly", false),
        ("hold-zero-inactive", "a=inactive", false),
        ("hold-port-zero", "", false),
    ];
    for (form, answered, reachable) in forms {
        let offer = fixture(form);
        let mut leg = session();
        let reading = leg.read(&offer).unwrap();
        assert_eq!(reading.direction, Direction::Away, "{form}");
        assert_eq!(reading.stream, form != "hold-port-zero", "{form}");
        assert_eq!(leg, session(), "{form}: reading changes nothing");
        let (answer, agreement) = leg.answer(&offer).unwrap();
        assert_legal(&offer, &answer);
        assert_eq!(direction_of(&answer), answered, "{form}");
        assert_eq!(agreement.direction, Direction::Away, "{form}");
        assert_eq!(agreement.remote.is_some(), reachable, "{form}");
        assert_eq!(agreement.remote_rtcp.is_some(), reachable, "{form}");
    }
}

#[test]
fn a_refused_stream_is_answered_with_port_zero() {
    let (answer, agreement) = session().answer(&fixture("hold-port-zero")).unwrap();
    assert_eq!(line(&answer, "m="), "m=audio 0 RTP/AVP 0 101");
    assert_eq!((agreement.remote, agreement.codec), (None, Codec::Pcmu));
}

/// RFC 3264 §6: a line that makes no sense is refused, and the others go on, whatever their order.
#[test]
fn one_unsound_audio_line_does_not_sink_the_others() {
    let head = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n";
    let good = "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n";
    for (bad, refused) in [
        ("m=audio 4002 RTP/AVP 0 x\r\nc=IN IP4 127.0.0.1\r\n", "m=audio 0 RTP/AVP 0 x"),
        ("m=audio 4002 RTP/AVP 0 999\r\nc=IN IP4 127.0.0.1\r\n", "m=audio 0 RTP/AVP 0 999"),
        ("m=audio 4002 RTP/AVP 96\r\nc=IN IP4 127.0.0.1\r\na=rtpmap:999 PCMU/8000\r\n", "m=audio 0 RTP/AVP 96"),
        ("m=audio 4002 RTP/AVP 0\r\nc=IN IP4 nowhere\r\n", "m=audio 0 RTP/AVP 0"),
        ("m=audio 4002 RTP/AVP 0\r\n", "m=audio 0 RTP/AVP 0"),
        ("m=audio 70000 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n", "m=audio 0 RTP/AVP 0"),
    ] {
        for (offer, lines) in [
            (format!("{head}{good}{bad}"), ["m=audio 16384 RTP/AVP 0", refused]),
            (format!("{head}{bad}{good}"), [refused, "m=audio 16384 RTP/AVP 0"]),
        ] {
            let (answer, agreement) = session().answer(offer.as_bytes()).unwrap();
            let answer = String::from_utf8(answer.to_vec()).unwrap();
            let said: Vec<&str> = answer.lines().filter(|line| line.starts_with("m=")).collect();
            assert_eq!(said, lines, "{bad}");
            assert_eq!(agreement.remote, Some("127.0.0.1:4000".parse().unwrap()), "{bad}");
        }
        let alone = session().answer(format!("{head}{bad}").as_bytes());
        assert!(matches!(alone, Err(SdpError::Malformed(_))), "{bad}: {alone:?}");
    }
}

#[test]
fn a_listener_is_not_a_hold() {
    let (answer, agreement) = session().answer(&fixture("listener")).unwrap();
    assert_eq!(direction_of(&answer), "a=sendonly");
    assert_eq!(agreement.direction, Direction::Listens);
}

#[test]
fn the_version_rises_only_when_the_description_changes() {
    let mut leg = session();
    let version = |answer: &[u8]| line(answer, "o=").split(' ').nth(2).unwrap().to_owned();
    let (first, _) = leg.answer(&fixture("baresip")).unwrap();
    let (same, _) = leg.answer(&fixture("baresip")).unwrap();
    assert_eq!(first, same);
    let (held, _) = leg.answer(&fixture("hold-sendonly")).unwrap();
    let (held_again, _) = leg.answer(&fixture("hold-sendonly")).unwrap();
    assert_eq!(held, held_again);
    assert!(leg.answer(b"rubbish").is_err());
    let (resumed, _) = leg.answer(&fixture("baresip")).unwrap();
    assert_eq!([version(&first), version(&held), version(&resumed)], ["1", "2", "3"]);
    assert!(line(&resumed, "o=").starts_with("o=- 42 "));
}

#[test]
fn our_own_offer_names_every_codec_in_our_order() {
    let mut leg = phone();
    let offer = leg.offer();
    let expected = "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
        m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
        a=rtcp-xr:rcvr-rtt=all voip-metrics\r\na=sendrecv\r\n";
    assert_eq!(std::str::from_utf8(&offer).unwrap(), expected);
    assert_eq!(offer, leg.offer(), "said twice, the same words");
}

#[test]
fn both_sides_agree_and_a_softphone_holds_and_resumes_in_every_form() {
    let (mut alice, mut house) = (phone(), session());
    for (wish, asked, answered) in [
        (Wish::Talk, Direction::Both, "a=sendrecv"),
        (Wish::SendOnly, Direction::Away, "a=recvonly"),
        (Wish::Talk, Direction::Both, "a=sendrecv"),
        (Wish::Inactive, Direction::Away, "a=inactive"),
        (Wish::AddressZero, Direction::Away, "a=recvonly"),
        (Wish::Listen, Direction::Listens, "a=sendonly"),
        (Wish::Talk, Direction::Both, "a=sendrecv"),
    ] {
        let (answer, theirs, ours) = exchange(&mut alice, &mut house, wish);
        assert_eq!(theirs.direction, asked, "{wish:?}");
        assert_eq!(direction_of(&answer), answered, "{wish:?}");
        assert_eq!((theirs.codec, ours.codec), (Codec::Pcmu, Codec::Pcmu), "our order decides");
        assert_eq!((theirs.dtmf_receive.first(), ours.dtmf_send_pt), (Some(101), Some(101)));
        assert_eq!(ours.remote, Some("127.0.0.1:16384".parse().unwrap()));
    }
}

#[test]
fn who_holds_goes_on_holding_when_the_other_side_offers() {
    let (mut alice, mut house) = (phone(), session());
    exchange(&mut alice, &mut house, Wish::SendOnly);
    let (answer, _, _) = exchange(&mut house, &mut alice, Wish::Talk);
    assert_eq!(direction_of(&answer), "a=sendonly");
}

#[test]
fn an_offer_that_was_turned_down_leaves_everything_as_it_was() {
    let (mut alice, mut house) = (phone(), session());
    exchange(&mut alice, &mut house, Wish::Talk);
    let before = *alice.agreement().unwrap();
    alice.reoffer(Wish::SendOnly);
    alice.withdraw();
    assert_eq!((alice.wish(), alice.agreement()), (Wish::Talk, Some(&before)));
    assert_eq!(alice.accept(&fixture("sipp")), Err(SdpError::NoOffer));
    assert_eq!(direction_of(&alice.offer()), "a=sendrecv");
}

#[test]
fn a_bad_answer_changes_nothing() {
    let mut alice = phone();
    alice.offer();
    let before = alice.clone();
    assert_eq!(alice.accept(&fixture("refused-events-only")), Err(SdpError::NoCommonCodec));
    assert_eq!(alice, before);
    assert!(alice.accept(&fixture("sipp")).is_ok());
}

#[test]
fn a_refused_answer_is_an_away_leg() {
    let mut alice = phone();
    alice.offer();
    let agreement = alice.accept(&fixture("hold-port-zero")).unwrap();
    assert_eq!((agreement.remote, agreement.direction), (None, Direction::Away));
}

#[test]
fn an_answer_may_number_the_digits_otherwise_and_both_numbers_are_heard_right() {
    let mut alice = phone();
    alice.offer();
    let answer = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 97 96\r\n\
        a=rtpmap:97 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\n";
    let agreement = alice.accept(answer).unwrap();
    assert_eq!((agreement.send_pt, agreement.dtmf_send_pt), (97, Some(96)));
    assert_eq!(agreement.dtmf_receive.first(), Some(101));
    assert_eq!(agreement.receive.codec(97), Some(Codec::Pcmu));
    assert_eq!(agreement.receive.codec(0), Some(Codec::Pcmu));
    assert_eq!(agreement.receive.codec(8), Some(Codec::Pcma));
    assert_eq!(agreement.receive.codec(96), None);
}

#[test]
fn our_re_offer_keeps_the_lines_and_the_numbers_of_the_peer() {
    let mut house = session();
    house.answer(&fixture("many-lines")).unwrap();
    let offer = house.offer();
    let text = std::str::from_utf8(&offer).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("m=")).count(), 7);
    assert!(text.contains("m=audio 16384 RTP/AVP 0 8 101\r\n"));
    // 101 is something else for this phone, its digits are 100; RTP/AVPF stays
    let mut house = session();
    house.answer(&fixture("linphone")).unwrap();
    assert_eq!(line(&house.offer(), "m="), "m=audio 16384 RTP/AVPF 0 8 100");
    // 101 is taken and there are no digits: a number that means nothing yet
    let taken = b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0 101 127\r\n\
        a=rtpmap:101 opus/48000/2\r\na=rtpmap:127 speex/8000\r\n";
    let mut house = session();
    house.answer(taken).unwrap();
    assert_eq!(line(&house.offer(), "m="), "m=audio 16384 RTP/AVP 0 8 126");
}

#[test]
fn a_codec_without_a_static_number_gets_a_free_one_and_keeps_it() {
    let with_samples = |codecs: &[Codec], port| {
        Session::new(LocalMedia {
            address: "127.0.0.1".parse().unwrap(),
            port,
            codecs: codecs.to_vec(),
            session_id: 9,
            opus: OpusSettings::default(),
            srtp: SrtpTerms::default(),
        })
    };
    let mut alice = with_samples(&[Codec::L16, Codec::Pcmu], 20_000);
    let mut house = with_samples(&[Codec::L16, Codec::Pcmu], 30_000);
    for wish in [Wish::Talk, Wish::SendOnly, Wish::Talk] {
        let (_, theirs, ours) = exchange(&mut alice, &mut house, wish);
        assert_eq!((theirs.codec, theirs.send_pt), (Codec::L16, 96));
        assert_eq!((ours.codec, ours.receive.codec(96)), (Codec::L16, Some(Codec::L16)));
    }
    assert_eq!(line(&house.offer(), "m="), "m=audio 30000 RTP/AVP 96 0 101");
}

#[test]
fn packet_times_are_whole_tens_within_limits() {
    let ask = |attributes: &str| {
        let offer = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n{attributes}");
        let (answer, agreement) = session().answer(offer.as_bytes()).unwrap();
        assert_eq!(line(&answer, "a=ptime"), format!("a=ptime:{}", agreement.ptime_ms));
        agreement.ptime_ms
    };
    assert_eq!(ask(""), 20);
    assert_eq!(ask("a=ptime:10\r\n"), 10);
    assert_eq!(ask("a=ptime:25\r\n"), 20);
    assert_eq!(ask("a=ptime:1\r\n"), 10);
    assert_eq!(ask("a=ptime:200\r\n"), 60);
    assert_eq!(ask("a=ptime:60\r\na=maxptime:40\r\n"), 40);
    assert_eq!(ask("a=maxptime:10\r\n"), 10);
    assert_eq!(ask("a=ptime:0\r\n"), 20);
    assert_eq!(ask("a=ptime:99999999999\r\n"), 20);
}

#[test]
fn rtcp_goes_where_the_peer_says_but_to_no_third_party() {
    let rtcp = |attribute: &str| {
        let offer = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n{attribute}\r\n");
        let (_, agreement) = session().answer(offer.as_bytes()).unwrap();
        agreement.remote_rtcp.unwrap().to_string()
    };
    assert_eq!(rtcp("a=x"), "127.0.0.1:4001");
    assert_eq!(rtcp("a=rtcp:5555"), "127.0.0.1:5555");
    assert_eq!(rtcp("a=rtcp:5555 IN IP4 192.0.2.1"), "127.0.0.1:5555");
    assert_eq!(rtcp("a=rtcp:0"), "127.0.0.1:4001");
    assert_eq!(rtcp("a=rtcp-mux"), "127.0.0.1:4000");
}

#[test]
fn a_frozen_negotiation_goes_on_where_it_was() {
    let (mut alice, mut house) = (phone(), session());
    exchange(&mut alice, &mut house, Wish::SendOnly);
    let frozen = serde_json::to_string(&house).unwrap();
    let mut thawed: Session = serde_json::from_str(&frozen).unwrap();
    assert_eq!(thawed, house);
    let offer = alice.reoffer(Wish::Talk);
    assert_eq!(thawed.answer(&offer), house.answer(&offer));
}

#[test]
fn a_provisional_answer_is_agreed_and_the_answer_still_counts() {
    let (mut carrier, mut house) = (phone(), session());
    let offer = house.offer();
    let (early, _) = carrier.answer(&offer).unwrap();
    let agreed = house.accept_early(&early).unwrap();
    assert_eq!((agreed.codec, agreed.remote.unwrap().port()), (Codec::Pcma, 20_000));
    // the answer comes from another machine, in another codec
    let other = std::str::from_utf8(&early).unwrap().replace("20000 RTP/AVP 8", "30000 RTP/AVP 0");
    let agreed = house.accept(other.as_bytes()).unwrap();
    assert_eq!((agreed.codec, agreed.remote.unwrap().port()), (Codec::Pcmu, 30_000));
    assert_eq!(house.accept(&early), Err(SdpError::NoOffer), "that was the answer");
}

#[test]
fn an_empty_answer_settles_what_a_reliable_provisional_one_said_and_nothing_else() {
    let (mut carrier, mut house) = (phone(), session());
    let offer = house.offer();
    assert!(house.accept(b"").is_err(), "nothing was said");
    let (early, _) = carrier.answer(&offer).unwrap();
    let agreed = house.accept_early(&early).unwrap();
    assert_eq!(house.accept(b""), Ok(agreed));
    assert_eq!(house.accept(b""), Err(SdpError::NoOffer));
    let again = house.reoffer(Wish::SendOnly);
    assert!(house.accept(b"").is_err(), "the next offer is answered by its own answer");
    let (answer, _) = carrier.answer(&again).unwrap();
    assert_eq!(house.accept(&answer).unwrap().direction, Direction::Listens);
}

#[test]
fn a_provisional_answer_that_cannot_be_used_changes_nothing() {
    let (mut carrier, mut house) = (phone(), session());
    let offer = house.offer();
    let before = house.clone();
    assert!(house.accept_early(b"v=0\r\nnonsense").is_err());
    assert_eq!(house, before);
    let (answer, _) = carrier.answer(&offer).unwrap();
    assert!(house.accept(&answer).is_ok());
}

/// RFC 3611 §5: who asks for extended reports is asked in return, and nobody else is bothered in an answer.
#[test]
fn extended_reports_are_agreed_by_whoever_knows_them() {
    let answered = |lines: &str| {
        let offer = format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n{lines}");
        let (answer, agreement) = session().answer(offer.as_bytes()).unwrap();
        let asks = line(&answer, "a=rtcp-xr").to_owned();
        (asks, (agreement.extended.metrics, agreement.extended.round_trip))
    };
    let ours = "a=rtcp-xr:rcvr-rtt=all voip-metrics".to_owned();
    assert_eq!(answered(""), (String::new(), (false, false)));
    assert_eq!(answered("a=rtcp-xr:voip-metrics\r\n"), (ours.clone(), (true, false)));
    assert_eq!(
        answered("a=rtcp-xr:pkt-loss-rle rcvr-rtt=sender:9 stat-summary=loss\r\n"),
        (ours.clone(), (false, true))
    );
    assert_eq!(answered("a=rtcp-xr\r\n"), (ours, (false, false)));
}
