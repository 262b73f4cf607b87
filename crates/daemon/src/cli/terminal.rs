//! The terminal: its size, its colours, a screen that is redrawn, a password typed unseen. Whatever it changes it puts back.

use std::io::{self, IsTerminal, Read, Write};

use rustix::termios::{self, LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios};

use crate::events::masked;

/// Bytes of a password that are read.
const PASSWORD: usize = 1024;

/// How a text is to look, where there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ink {
    /// As it comes.
    #[default]
    Plain,
    /// Of less weight.
    Faint,
    /// Of more.
    Strong,
    /// As it should be.
    Good,
    /// To be noticed.
    Warm,
    /// On its way.
    Cool,
    /// Wrong.
    Bad,
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// As standard output can show them, and as `NO_COLOR` allows.
    pub(super) fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self(io::stdout().is_terminal() && !refused && !dumb)
    }

    /// A text in an ink.
    pub(super) fn put(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Plain => return text.to_owned(),
            Ink::Faint => "2",
            Ink::Strong => "1",
            Ink::Good => "32",
            Ink::Warm => "33",
            Ink::Cool => "36",
            Ink::Bad => "31",
        };
        if self.0 && !text.trim().is_empty() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Columns and lines of standard output; `None`: it is no terminal, lines may be as long as they are.
pub(super) fn size() -> Option<(usize, usize)> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = termios::tcgetwinsize(stdout).ok();
    let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0);
    let lines = size.map(|size| usize::from(size.ws_row)).filter(|lines| *lines > 0);
    Some((columns.unwrap_or(80), lines.unwrap_or(24)))
}

/// Columns of standard output; `None`: lines may be as long as they are.
pub(super) fn width() -> Option<usize> {
    size().map(|(columns, _)| columns)
}

/// A value as one line of JSON in which nothing invisible is left: such characters stand as `\uXXXX`.
pub(super) fn json_line(value: &serde_json::Value) -> String {
    let mut line = String::new();
    for c in value.to_string().chars() {
        if masked(c.encode_utf8(&mut [0; 4])).starts_with('\u{fffd}') {
            let mut units = [0; 2];
            line.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            line.push(c);
        }
    }
    line
}

/// The modes of a terminal, put back when it is dropped.
struct Modes {
    before: Termios,
}

impl Modes {
    /// Nothing typed is shown, and keys come at once. `signals`: whether Ctrl-C goes on to interrupt.
    fn quiet(signals: bool) -> Option<Self> {
        let before = termios::tcgetattr(io::stdin()).ok()?;
        let mut modes = before.clone();
        modes.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON);
        if !signals {
            modes.local_modes &= !LocalModes::ISIG;
        }
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        // a screen that is put aside half drawn would not be put back
        modes.special_codes[SpecialCodeIndex::VSUSP] = 0;
        termios::tcsetattr(io::stdin(), OptionalActions::Drain, &modes).ok()?;
        Some(Self { before })
    }
}

impl Drop for Modes {
    fn drop(&mut self) {
        // what was typed meanwhile was not meant for the shell
        let _ = termios::tcflush(io::stdin(), QueueSelector::IFlush);
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// A screen of our own that is drawn again and again; the terminal is as before once it is dropped.
pub(super) struct Screen {
    _modes: Option<Modes>,
}

impl Screen {
    /// Takes the screen.
    ///
    /// # Errors
    /// Nobody reads what is written.
    pub(super) fn take() -> io::Result<Self> {
        let modes = if io::stdin().is_terminal() { Modes::quiet(true) } else { None };
        let screen = Self { _modes: modes };
        let mut out = io::stdout().lock();
        out.write_all(b"\x1b[?1049h\x1b[?25l\x1b[2J")?;
        out.flush()?;
        Ok(screen)
    }

    /// Draws these lines, as many as there is room for, in one go.
    ///
    /// # Errors
    /// Nobody reads what is written.
    pub(super) fn draw(&self, lines: &[String]) -> io::Result<()> {
        let room = size().map_or(24, |(_, lines)| lines);
        let mut frame = String::from("\x1b[H");
        let hidden = lines.len().saturating_sub(room);
        let shown = if hidden == 0 { lines.len() } else { room.saturating_sub(1) };
        for (at, line) in lines.iter().take(shown).enumerate() {
            frame += if at == 0 { "" } else { "\r\n" };
            frame += line;
            frame += "\x1b[K";
        }
        if hidden > 0 {
            frame += &format!("\r\n… {} more lines\x1b[K", lines.len() - shown);
        }
        frame += "\x1b[J";
        let mut out = io::stdout().lock();
        out.write_all(frame.as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(b"\x1b[0m\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
    }
}

/// Asks for a password; nothing that is typed is shown. `None`: Ctrl-C or Ctrl-D was typed.
///
/// # Errors
/// The terminal cannot be read.
pub(super) fn password(prompt: &str) -> io::Result<Option<String>> {
    let _modes = Modes::quiet(false).ok_or_else(|| io::Error::other("the terminal cannot be kept from showing it"))?;
    let mut ask = io::stderr().lock();
    write!(ask, "{prompt}")?;
    ask.flush()?;
    let mut typed = Vec::new();
    let done = loop {
        let mut byte = [0];
        if io::stdin().read(&mut byte)? == 0 {
            break false;
        }
        match byte[0] {
            b'\r' | b'\n' => break true,
            3 | 4 => break false,
            // Ctrl-U takes all of it back
            21 => typed.clear(),
            8 | 127 => take_back(&mut typed),
            byte if typed.len() < PASSWORD => typed.push(byte),
            _ => {}
        }
    };
    writeln!(ask)?;
    if !done {
        return Ok(None);
    }
    String::from_utf8(typed).map(Some).map_err(|_| io::Error::other("a password must be UTF-8"))
}

/// Takes the last character back, however many bytes it has.
fn take_back(typed: &mut Vec<u8>) {
    while let Some(byte) = typed.pop() {
        if byte & 0xc0 != 0x80 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_nothing_but_the_text_is_written() {
        assert_eq!(Paint(false).put(Ink::Bad, "x"), "x");
        assert_eq!(Paint(true).put(Ink::Bad, "x"), "\u{1b}[31mx\u{1b}[0m");
    }

    #[test]
    fn what_cannot_be_seen_stands_escaped_in_json() {
        let value = serde_json::json!({"name": "a\u{202e}b\u{1b}[31m\u{e0041}é"});
        let line = json_line(&value);
        assert_eq!(line, r#"{"name":"a\u202eb\u001b[31m\udb40\udc41é"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).ok(), Some(value));
    }

    #[test]
    fn a_character_of_several_bytes_is_taken_back_whole() {
        let mut typed = "aé".as_bytes().to_vec();
        take_back(&mut typed);
        assert_eq!(typed, b"a");
    }
}
