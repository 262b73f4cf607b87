//! A second, naive reading of RFC 3264 §6: is this a legal answer to that offer?

use sdp_types::{Media, Session};

const WAYS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

/// The offers and fixtures of `tests/fixtures/sdp`, by name.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/sdp/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

/// Panics, with the reason, unless `answer` is a legal answer to the `offer`.
pub(crate) fn assert_legal(offer: &[u8], answer: &[u8]) {
    let text = String::from_utf8(answer.to_vec()).expect("an answer is ASCII");
    assert!(text.is_ascii() && text.ends_with("\r\n") && !text.contains("\n\n"));
    let answer = Session::parse(text.as_bytes()).expect("an answer can be parsed");
    let offer = understood(offer);
    assert_eq!(offer.len(), answer.medias.len(), "as many lines as offered");
    let taken: Vec<usize> = (0..offer.len()).filter(|line| answer.medias[*line].port != 0).collect();
    assert!(taken.len() <= 1, "one audio line at most");
    for (line, offered) in offer.iter().enumerate() {
        let answered = &answer.medias[line];
        assert!(offered.media.eq_ignore_ascii_case(&answered.media), "line {line}: type");
        assert!(offered.proto.eq_ignore_ascii_case(&answered.proto), "line {line}: protocol");
        // `08` is the payload type 8
        let number = |text: &str| text.parse::<u16>().map_or(text.to_owned(), |it| it.to_string());
        let numbers = |media: &Media| media.fmt.split(' ').map(number).collect::<Vec<_>>();
        let offered_numbers = numbers(offered);
        assert!(
            numbers(answered).iter().all(|number| offered_numbers.contains(number)),
            "line {line}: {:?} of {:?}",
            answered.fmt,
            offered.fmt
        );
        if taken.contains(&line) {
            assert_eq!(offered.media.to_ascii_lowercase(), "audio");
            assert_ne!(offered.port, 0, "a line offered with port 0 stays refused");
            assert_direction(offered, answered);
            let mux = |media: &Media| {
                let mut names = media.attributes.iter().map(|attribute| attribute.attribute.trim());
                names.any(|name| name.eq_ignore_ascii_case("rtcp-mux"))
            };
            assert!(!mux(answered) || mux(offered), "rtcp-mux only if offered");
        }
    }
}

/// Sends and takes, as the line itself says.
fn way(line: &Media) -> (bool, bool) {
    let last = line
        .attributes
        .iter()
        .rev()
        .map(|attribute| attribute.attribute.trim().to_ascii_lowercase())
        .find(|name| WAYS.contains(&name.as_str()));
    match last.as_deref() {
        Some("sendonly") => (true, false),
        Some("recvonly") => (false, true),
        Some("inactive") => (false, false),
        Some(_) | None => (true, true),
    }
}

fn assert_direction(offered: &Media, answered: &Media) {
    let ((offerer_sends, offerer_takes), (sends, takes)) = (way(offered), way(answered));
    assert!(!sends || offerer_takes, "sends to one who does not take");
    assert!(!takes || offerer_sends, "takes from one who does not send");
}

/// A port that is none only matters on the line that is taken, and there it is never accepted.
fn media_line(fields: &str) -> String {
    let mut fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let numbers = |port: &str| port.splitn(2, '/').all(|number| number.parse::<u16>().is_ok());
    if fields.get(1).is_some_and(|port| !numbers(port)) {
        fields[1] = "0";
    }
    format!("m={}", fields.join(" "))
}

/// The offer's media lines, each with the session's direction and address where it has none of its own.
fn understood(offer: &[u8]) -> Vec<Media> {
    let text: String = offer.iter().map(|byte| char::from(*byte)).collect();
    let kept: Vec<String> = text
        .split('\n')
        .map(|line| line.trim_ascii())
        .filter(|line| ["v=", "m=", "a="].iter().any(|key| line.starts_with(key)))
        .map(|line| match line.strip_prefix("m=") {
            Some(fields) => media_line(fields),
            None => line.to_owned(),
        })
        .map(|line| line.replace(|letter: char| !(' '..='~').contains(&letter), "?"))
        .collect();
    let session = Session::parse(kept.join("\r\n").as_bytes()).expect("the offer was understood");
    let of_session: Vec<_> = session
        .attributes
        .into_iter()
        .filter(|attribute| WAYS.contains(&attribute.attribute.trim().to_ascii_lowercase().as_str()))
        .collect();
    let mut medias = session.medias;
    for media in &mut medias {
        media.attributes.splice(0..0, of_session.iter().cloned());
    }
    medias
}
