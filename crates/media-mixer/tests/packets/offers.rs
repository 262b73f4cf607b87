//! What real phones offer, and rows A17 and A18 of `trust.md`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use media_mixer::sdp::{Codec, Direction, LocalMedia, OpusSettings, SdpError, Session, SrtpTerms};

use crate::legal::{assert_legal, fixture};

/// What every phone of the fixtures has.
const NARROW: [Codec; 2] = [Codec::Pcmu, Codec::Pcma];

/// A leg of ours on 127.0.0.1, port 16384, that speaks G.711.
pub(crate) fn session() -> Session {
    Session::new(LocalMedia {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 16_384,
        codecs: NARROW.to_vec(),
        session_id: 42,
        opus: OpusSettings::default(),
        srtp: SrtpTerms::default(),
    })
}

/// What we make of a phone's first offer.
struct Expected {
    phone: &'static str,
    remote: &'static str,
    rtcp: &'static str,
    codec: (u8, Codec),
    digits: Option<u8>,
    ptime_ms: u8,
    direction: Direction,
}

const PHONES: [Expected; 9] = [
    expected("linphone", "192.0.2.20:7078", "192.0.2.20:7079", Codec::Pcmu, Some(100)),
    expected("pjsua", "127.0.0.1:4000", "127.0.0.1:4001", Codec::Pcmu, Some(121)),
    expected("baresip", "127.0.0.1:16480", "127.0.0.1:16480", Codec::Pcmu, Some(101)),
    expected("yealink", "198.51.100.7:11780", "198.51.100.7:11781", Codec::Pcmu, Some(101)),
    expected("zoiper", "203.0.113.4:52938", "203.0.113.4:52938", Codec::Pcmu, Some(101)),
    expected("sipp", "127.0.0.1:6000", "127.0.0.1:6001", Codec::Pcmu, None),
    expected("twinkle", "127.0.0.1:8000", "127.0.0.1:8001", Codec::Pcmu, Some(101)),
    Expected { ptime_ms: 30, ..expected("trunk", "192.0.2.201:35000", "192.0.2.201:35001", Codec::Pcmu, Some(96)) },
    Expected { direction: Direction::Away, ..expected("untidy", "10.1.2.3:5062", "10.1.2.3:5063", Codec::Pcmu, None) },
];

const fn expected(
    phone: &'static str,
    remote: &'static str,
    rtcp: &'static str,
    codec: Codec,
    digits: Option<u8>,
) -> Expected {
    let number = match codec.static_payload_type() {
        Some(number) => number,
        None => panic!("a codec of the fixtures"),
    };
    Expected { phone, remote, rtcp, codec: (number, codec), digits, ptime_ms: 20, direction: Direction::Both }
}

#[test]
fn every_phone_gets_the_answer_it_can_use() {
    for phone in PHONES {
        let offer = fixture(phone.phone);
        let (answer, agreement) = session().answer(&offer).unwrap();
        assert_legal(&offer, &answer);
        let name = phone.phone;
        assert_eq!(agreement.remote, Some(phone.remote.parse().unwrap()), "{name}");
        assert_eq!(agreement.remote_rtcp, Some(phone.rtcp.parse().unwrap()), "{name}");
        assert_eq!((agreement.send_pt, agreement.codec), phone.codec, "{name}");
        assert_eq!(agreement.dtmf_send_pt, phone.digits, "{name}");
        assert_eq!(agreement.dtmf_receive.first(), phone.digits, "{name}");
        assert_eq!(agreement.ptime_ms, phone.ptime_ms, "{name}");
        assert_eq!(agreement.direction, phone.direction, "{name}");
        let other = if phone.codec.0 == 0 { 8 } else { 0 };
        assert_eq!(agreement.receive.codec(other).is_some(), name != "sipp", "{name}");
    }
}

#[test]
fn an_answer_reads_as_we_mean_it() {
    let (answer, _) = session().answer(&fixture("baresip")).unwrap();
    let expected = "v=0\r\no=- 42 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
        m=audio 16384 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15\r\na=ptime:20\r\na=rtcp-mux\r\na=sendrecv\r\n";
    assert_eq!(String::from_utf8(answer.to_vec()).unwrap(), expected);
}

#[test]
fn lines_we_do_not_know_are_refused_one_by_one() {
    let offer = fixture("many-lines");
    let (answer, agreement) = session().answer(&offer).unwrap();
    assert_legal(&offer, &answer);
    assert_eq!(agreement.remote, Some(SocketAddr::from(([127, 0, 0, 1], 5006))));
    let text = String::from_utf8(answer.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=video 0 RTP/AVP 96",
            "m=audio 0 RTP/SAVP 0",
            "m=message 0 TCP/MSRP *",
            "m=audio 16384 RTP/AVP 0 101",
            "m=audio 0 RTP/AVP 8",
            "m=image 0 udptl t38",
            "m=application 0 FOO/BAR/BAZ 1 2 3",
        ]
    );
}

#[test]
fn offers_without_audio_for_us_are_refused_whole() {
    assert_eq!(session().answer(&fixture("refused-browser")), Err(SdpError::NoAudio));
    assert_eq!(session().answer(&fixture("refused-events-only")), Err(SdpError::NoCommonCodec));
    let head = "v=0\r\nc=IN IP4 127.0.0.1\r\n";
    for (body, error) in [
        ("", SdpError::NoAudio),
        ("m=audio 4000 RTP/SAVP 0\r\n", SdpError::NoAudio),
        ("m=audio 4000 RTP/AVP 9\r\n", SdpError::NoCommonCodec),
        ("m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/16000\r\n", SdpError::NoCommonCodec),
        ("m=audio 4000 RTP/AVP 0\r\nc=IN IP6 ::2\r\n", SdpError::NoAudio),
        ("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.2.1.1/127\r\n", SdpError::NoAudio),
        ("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 255.255.255.255\r\n", SdpError::NoAudio),
    ] {
        assert_eq!(session().answer(format!("{head}{body}").as_bytes()), Err(error), "{body}");
    }
}

#[test]
fn a17_numbers_and_names_beyond_all_measure_are_refused() {
    let whole = |body: &str| format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n{body}");
    let long_type = format!("c=IN IP4 127.0.0.1\r\nm={} 1 RTP/AVP 0\r\n", "a".repeat(1024));
    let long_address = format!("c=IN IP4 127.0.0.1{}\r\nm=audio 17000 RTP/AVP 0\r\n", "1".repeat(512));
    for body in [
        "c=IN IP4 127.0.0.1\r\nm=audio 17000 RTP/AVP 4294967296\r\n",
        "c=IN IP4 127.0.0.1\r\nm=audio 17000 RTP/AVP 0 4294967296\r\n",
        "c=IN IP4 127.0.0.1\r\nm=audio 17000 RTP/AVP 0\r\na=fmtp\0:101\r\n",
        "c=IN IP4 127.0.0.1\r\nm=audio 492170 RTP/AVP 0\r\n",
        "c=IN IP4 127.0.0.1\r\nm=audio 492170\r\n",
        "m=audio 17000 RTP/AVP 0\r\n",
        &long_type,
        &long_address,
    ] {
        let mut leg = session();
        let refused = leg.answer(whole(body).as_bytes());
        assert!(matches!(refused, Err(SdpError::Malformed(_) | SdpError::NoAudio)), "{body:.60}: {refused:?}");
        assert_eq!(leg, session(), "nothing has changed");
    }
}

#[test]
fn a18_too_much_of_anything_is_refused() {
    let head = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n";
    for body in [
        format!("{head}a=x:{}\r\n", "y".repeat(65_536)),
        format!("{head}{}", "m=video 4000 RTP/AVP 96\r\n".repeat(1000)),
        format!("v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP{}\r\n", " 0".repeat(500)),
        format!("{head}{}", "a=candidate:1 1 UDP 1 127.0.0.1 4000 typ host\r\n".repeat(5000)),
        format!("{head}{}", "a=rtpmap:96 x/1\r\n".repeat(500)),
    ] {
        let refused = session().answer(body.as_bytes());
        assert!(matches!(refused, Err(SdpError::TooLarge { .. })), "{refused:?}");
    }
}
