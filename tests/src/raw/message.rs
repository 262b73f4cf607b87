//! A SIP message as text: start-line, headers, body. Understands just enough to answer it.

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Message {
    /// The first line.
    pub start: String,
    /// Names and values, unfolded, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// The long form of a header's name (RFC 3261 §7.3.3).
fn long(name: &str) -> &str {
    match name.to_ascii_lowercase().as_str() {
        "v" => "Via",
        "f" => "From",
        "t" => "To",
        "i" => "Call-ID",
        "m" => "Contact",
        "l" => "Content-Length",
        _ => name,
    }
}

impl Message {
    /// Reads a whole message; `None` when it is none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let head = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (long(name.trim()).to_owned(), value.trim().to_owned()))
            .collect();
        Some(Self { start, headers, body: body.to_owned() })
    }

    /// Takes the first whole message off a stream; keep-alives before it are thrown away.
    pub fn take(stream: &mut Vec<u8>) -> Option<Self> {
        while stream.starts_with(b"\r\n") {
            stream.drain(..2);
        }
        let end = stream.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let length = Self::read(&stream[..end])?.header("Content-Length").and_then(|value| value.parse().ok());
        let whole = end + length.unwrap_or(0);
        if stream.len() < whole {
            return None;
        }
        let bytes: Vec<u8> = stream.drain(..whole).collect();
        Self::read(&bytes)
    }

    /// A response's status.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// A request's method.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        if self.start.starts_with("SIP/") { None } else { self.start.split(' ').next() }
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every header of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name));
        headers.map(|(_, value)| value.as_str())
    }

    /// The header of this name, which must be there.
    #[must_use]
    pub fn need(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The address inside the angle brackets of a header, or all of it.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<String> {
        let value = self.header(name)?;
        let inside = value.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inside, _)| inside);
        Some(inside.unwrap_or(value).to_owned())
    }
}
