//! Codecs in offers and answers: whose order decides, whose numbers are used, which events and which parameters go with which.

use media_mixer::codec::Rate;
use media_mixer::sdp::{Agreement, Codec, LocalMedia, OpusSettings, Session, SrtpTerms};

use crate::legal::{assert_legal, fixture};

fn speaking(codecs: &[Codec]) -> Session {
    Session::new(LocalMedia {
        address: "127.0.0.1".parse().unwrap(),
        port: 16_384,
        codecs: codecs.to_vec(),
        session_id: 42,
        opus: OpusSettings::default(),
        srtp: SrtpTerms::default(),
    })
}

fn answered(session: &mut Session, offer: &[u8]) -> (String, Agreement) {
    let (answer, agreement) = session.answer(offer).unwrap();
    assert_legal(offer, &answer);
    (String::from_utf8(answer.to_vec()).unwrap(), agreement)
}

fn offer(lines: &str) -> Vec<u8> {
    format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{lines}").into_bytes()
}

#[test]
fn our_offer_names_every_codec_with_its_parameters_and_its_events() {
    let offer = speaking(&Codec::ALL).offer();
    let expected = "m=audio 16384 RTP/AVP 96 9 0 8 101 110\r\na=rtpmap:96 opus/48000/2\r\n\
        a=fmtp:96 minptime=10;useinbandfec=1;stereo=0;sprop-stereo=0;maxaveragebitrate=32000\r\n\
        a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
        a=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-15\r\na=ptime:20\r\n\
        a=rtcp-xr:rcvr-rtt=all voip-metrics\r\na=sendrecv\r\n";
    let offer = std::str::from_utf8(&offer).unwrap();
    assert!(offer.ends_with(expected), "{offer}");
}

#[test]
fn our_order_decides_among_what_is_offered_and_the_numbers_are_the_peers() {
    let linphone = fixture("linphone");
    for (codecs, codec, number, events) in [
        (&Codec::ALL[..], Codec::Opus, 96, (101, 48_000)),
        (&[Codec::G722, Codec::Pcma, Codec::Opus][..], Codec::Pcma, 8, (100, 8_000)),
        (&[Codec::Pcmu][..], Codec::Pcmu, 0, (100, 8_000)),
    ] {
        let (answer, agreement) = answered(&mut speaking(codecs), &linphone);
        assert_eq!((agreement.codec, agreement.send_pt), (codec, number));
        assert_eq!((agreement.dtmf_send_pt, agreement.dtmf_clock), (Some(events.0), events.1));
        assert!(answer.contains(&format!(" RTP/AVPF {number} {}\r\n", events.0)), "{answer}");
        assert!(answer.contains(&format!("a=rtpmap:{number} {}\r\n", codec.encoding())), "{answer}");
        assert_eq!(agreement.opus.repeats, codecs.contains(&Codec::Opus), "it says useinbandfec=1");
    }
}

#[test]
fn a_browsers_offer_is_answered_in_opus_with_its_own_numbers() {
    let lines = "m=audio 4000 RTP/AVP 111 63 9 0 8 13 110 126\r\na=rtpmap:111 OPUS/48000/2\r\n\
        a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=rtpmap:110 telephone-event/48000\r\n\
        a=rtpmap:126 telephone-event/8000\r\n";
    let mut session = speaking(&Codec::ALL);
    let (answer, agreement) = answered(&mut session, &offer(lines));
    assert!(answer.contains("m=audio 16384 RTP/AVP 111 110\r\n"), "{answer}");
    assert_eq!(
        (agreement.codec, agreement.dtmf_receive.first(), agreement.dtmf_clock),
        (Codec::Opus, Some(110), 48_000)
    );
    assert_eq!(agreement.receive.codec(9), Some(Codec::G722), "what was offered in common may arrive");
    let events = [110, 126].map(|number| agreement.dtmf_receive.clock(number));
    assert_eq!(events, [Some(48_000), Some(8_000)], "and its digits in the clock of whatever it sends");
    // in our next offer the numbers still mean the same
    let next = String::from_utf8(session.offer().to_vec()).unwrap();
    assert!(next.contains("m=audio 16384 RTP/AVP 111 9 0 8 126 110\r\n"), "{next}");
}

#[test]
fn a_phone_with_events_of_one_clock_only_has_them_beside_any_codec() {
    let lines = "m=audio 4000 RTP/AVP 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n";
    let (answer, agreement) = answered(&mut speaking(&Codec::ALL), &offer(lines));
    assert_eq!((agreement.dtmf_send_pt, agreement.dtmf_clock), (Some(101), 8_000));
    assert!(answer.contains("a=rtpmap:101 telephone-event/8000\r\n"), "{answer}");
}

#[test]
fn a_phone_that_answers_with_codecs_of_two_clocks_may_send_digits_in_both() {
    let mut session = speaking(&Codec::ALL);
    session.offer();
    let lines = "m=audio 4000 RTP/AVP 96 0 120 121\r\na=rtpmap:96 opus/48000/2\r\n\
        a=rtpmap:120 telephone-event/48000\r\na=rtpmap:121 telephone-event/8000\r\n";
    let agreement = session.accept(&offer(lines)).unwrap();
    assert_eq!((agreement.codec, agreement.dtmf_send_pt, agreement.dtmf_clock), (Codec::Opus, Some(120), 48_000));
    // by our numbers, and by its own
    let clocks = [110, 120, 101, 121, 99].map(|number| agreement.dtmf_receive.clock(number));
    assert_eq!(clocks, [Some(48_000), Some(48_000), Some(8_000), Some(8_000), None]);
}

#[test]
fn comfort_noise_is_agreed_beside_codecs_of_its_clock() {
    let lines = "m=audio 4000 RTP/AVP 9 96 13\r\na=rtpmap:96 opus/48000/2\r\n";
    let (answer, agreement) = answered(&mut speaking(&[Codec::G722]), &offer(lines));
    assert!(answer.contains("RTP/AVP 9 13\r\n") && answer.contains("a=rtpmap:13 CN/8000\r\n"), "{answer}");
    assert_eq!((agreement.codec, agreement.receive.codec(13)), (Codec::G722, Some(Codec::ComfortNoise)));
    let (answer, _) = answered(&mut speaking(&[Codec::Opus]), &offer(lines));
    assert!(answer.contains("RTP/AVP 96\r\n"), "{answer}");
    assert!(speaking(&[Codec::Pcmu]).answer(&offer("m=audio 4000 RTP/AVP 13\r\n")).is_err(), "alone it is no audio");
}

#[test]
fn opus_of_other_clocks_or_channels_is_not_opus() {
    for (encoding, known) in [
        ("opus/48000/2", true),
        ("opus/48000", true),
        ("opus/48000/1", true),
        ("opus/48000/3", false),
        ("opus/16000/1", false),
        ("G722/8000", true),
        ("G722/8000/1", true),
        ("G722/16000", false),
        ("PCMU/8000/2", false),
    ] {
        let lines = format!("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 {encoding}\r\n");
        assert_eq!(speaking(&Codec::ALL).answer(&offer(&lines)).is_ok(), known, "{encoding}");
    }
}

#[test]
fn a_peers_parameters_reach_the_encoder() {
    let lines = "m=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:97 maxplaybackrate=8000\r\n\
        a=fmtp:96 maxplaybackrate=16000; maxaveragebitrate=20000; cbr=1\r\na=ptime:30\r\n";
    let (answer, agreement) = answered(&mut speaking(&Codec::ALL), &offer(lines));
    let opus = agreement.opus;
    assert_eq!((opus.rate, opus.bitrate, opus.constant, opus.repeats), (Rate::Wide, 20_000, true, false));
    assert_eq!(agreement.ptime_ms, 20, "Opus has no frames of 30 ms");
    assert!(answer.contains("a=ptime:20\r\n"));
}

#[test]
fn both_sides_change_the_codec_by_an_offer_and_its_numbers_stay() {
    let (mut phone, mut house) = (speaking(&[Codec::Pcmu, Codec::Opus]), speaking(&Codec::ALL));
    let mut agreed = Vec::new();
    for codecs in [&[Codec::Pcmu][..], &[Codec::Opus], &[Codec::G722], &[Codec::Opus]] {
        phone.set_codecs(codecs.to_vec());
        let offer = phone.offer();
        let (answer, theirs) = house.answer(&offer).unwrap();
        let ours = phone.accept(&answer).unwrap();
        assert_eq!((ours.codec, ours.send_pt), (theirs.codec, theirs.send_pt));
        agreed.push((ours.codec, ours.send_pt));
    }
    assert_eq!(agreed, [(Codec::Pcmu, 0), (Codec::Opus, 96), (Codec::G722, 9), (Codec::Opus, 96)]);
}
