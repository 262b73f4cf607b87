//! A house that answers over HTTP what a test told it to: it shares no code with the daemon or its client.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was asked: `PATCH /v1/calls/c-1?x=1`, its body, its Authorization.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) body: String,
    pub(crate) bearer: String,
}

#[derive(Debug, Default)]
struct Says {
    answers: BTreeMap<String, (u16, String)>,
    asked: Vec<Asked>,
}

/// It.
pub(crate) struct House {
    pub(crate) url: String,
    says: Arc<Mutex<Says>>,
}

impl House {
    /// A house that knows nothing yet: everything is 404 `call_not_found`.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let says = Arc::new(Mutex::new(Says::default()));
        let told = Arc::clone(&says);
        // ends with the test's process
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let says = Arc::clone(&told);
                std::thread::spawn(move || serve(stream, &says));
            }
        });
        Self { url, says }
    }

    /// From here on `POST /v1/calls` (without its query) is answered so.
    pub(crate) fn says(&self, asked: &str, status: u16, body: &str) -> &Self {
        self.says.lock().unwrap().answers.insert(asked.to_owned(), (status, body.to_owned()));
        self
    }

    /// Everything that was asked until now; forgotten with this.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.says.lock().unwrap().asked)
    }
}

fn serve(stream: TcpStream, says: &Mutex<Says>) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        let (mut length, mut bearer) = (0, String::new());
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 {
                return;
            }
            let header = header.trim();
            match header.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().unwrap()
                }
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => bearer = value.trim().to_owned(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let line = first.trim().trim_end_matches(" HTTP/1.1").to_owned();
        let key = line.split('?').next().unwrap().to_owned();
        let (status, text) = {
            let mut says = says.lock().unwrap();
            says.asked.push(Asked { line, body: String::from_utf8(body).unwrap(), bearer });
            let unknown = (404, r#"{"code":"call_not_found","detail":"there is no such call"}"#.to_owned());
            says.answers.get(&key).cloned().unwrap_or(unknown)
        };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", text.len());
        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes())).is_err() {
            return;
        }
    }
}
