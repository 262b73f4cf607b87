//! Makes mistakes in messages, from a seed: some that leave a message what it was, spelled otherwise, and many that do not.

/// A generator of numbers (xorshift64*), so that a run can be repeated.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// From `BATON_SEED`, else from the clock; printed, to be given again.
    pub(crate) fn cast() -> Self {
        let given = std::env::var("BATON_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seed = given.unwrap_or_else(|| clock.map_or(1, |since| since.as_nanos() as u64));
        #[allow(clippy::print_stdout, reason = "whoever reads of a failure needs the seed")]
        {
            println!("BATON_SEED={seed}");
        }
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// The same message, spelled otherwise: its answer is due as before.
pub(crate) fn respelled(message: &str, dice: &mut Dice) -> String {
    let (head, body) = message.split_once("\r\n\r\n").unwrap_or((message, ""));
    let mut lines: Vec<String> = head.split("\r\n").map(str::to_owned).collect();
    let at = 1 + dice.below(lines.len() - 1);
    let (name, value) = lines[at].split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned())).unwrap_or_default();
    let compact =
        [("Via", "v"), ("From", "f"), ("To", "t"), ("Call-ID", "i"), ("Contact", "m"), ("Content-Length", "l")];
    match dice.below(7) {
        0 => lines.insert(at, format!("X-Unknown-{}: {}", dice.below(99), "y".repeat(dice.below(900)))),
        1 => lines[at] = format!("{}: {value}", name.to_uppercase()),
        2 => lines[at] = format!("{} : {value}", name.to_lowercase()),
        3 => lines[at] = format!("{name}:\r\n \t{value}"),
        4 => lines[at] = format!("{name}:{value}   "),
        5 => {
            let line = lines.remove(at);
            lines.push(line);
        }
        _ => {
            let short = compact.iter().find(|(long, _)| *long == name).map_or(name.as_str(), |(_, short)| short);
            lines[at] = format!("{short}: {value}");
        }
    }
    format!("{}\r\n\r\n{body}", lines.join("\r\n"))
}

/// A message with one to three mistakes in it.
pub(crate) fn broken(message: &str, dice: &mut Dice) -> Vec<u8> {
    let mut bytes = message.as_bytes().to_vec();
    for _ in 0..=dice.below(3) {
        one_mistake(&mut bytes, dice);
    }
    bytes.truncate(60_000);
    bytes
}

fn one_mistake(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len());
    let span = at..(at + 1 + dice.below(40)).min(bytes.len());
    match dice.below(12) {
        0 | 1 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(span)),
        4 => {
            let copy = bytes[span].to_vec();
            bytes.splice(at..at, copy);
        }
        5 => {
            let noise: Vec<u8> = (0..dice.below(30)).map(|_| dice.below(256) as u8).collect();
            bytes.splice(at..at, noise);
        }
        6 => drop(bytes.splice(at..at, std::iter::repeat_n(b"x;,<\"(%\0"[dice.below(8)], dice.below(9_000)))),
        7 | 8 => number(bytes, dice),
        9 | 10 => line(bytes, dice),
        _ => {
            let words: [&[u8]; 6] = [b"\r\n", b"\r\n\r\n", b"sip:", b";tag=", b"SIP/2.0", b"%00"];
            bytes.splice(at..at, words[dice.below(6)].iter().copied());
        }
    }
}

/// Replaces some number by one at a border.
fn number(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let digits: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
    if digits.is_empty() {
        return;
    }
    let start = digits[dice.below(digits.len())];
    let end = (start..bytes.len()).find(|at| !bytes[*at].is_ascii_digit()).unwrap_or(bytes.len());
    let borders = ["0", "-1", "65535", "65536", "2147483648", "4294967295", "4294967296", "99999999999999999999", ""];
    bytes.splice(start..end, borders[dice.below(borders.len())].bytes());
}

/// Drops a line, says it twice, or says it with another's value.
fn line(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut lines: Vec<&str> = text.split("\r\n").collect();
    let (one, other) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(3) {
        0 => drop(lines.remove(one)),
        1 => lines.insert(other, lines[one]),
        _ => lines.swap(one, other),
    }
    *bytes = lines.join("\r\n").into_bytes();
}
