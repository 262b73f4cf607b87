//! Streams of messages from the daemon: its events over WebSocket, the SIP messages of a trace as lines of an answer that
//! does not end. Each message is one JSON value.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{ANSWER, CONNECT, Client, ClientError, innermost, refused};

/// How long a connection may be quiet: the daemon asks for a sign of life more often.
const QUIET: Duration = Duration::from_secs(90);

/// Bytes of one line.
const LINE_BYTES: usize = 4 * 1024 * 1024;

/// What a WebSocket goes over, encrypted or not.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin + std::fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + std::fmt::Debug> Wire for T {}

/// Events, one after another.
#[derive(Debug)]
pub(in crate::cli) struct Stream {
    socket: WebSocketStream<Box<dyn Wire>>,
    url: String,
}

impl Client {
    /// A connection to the daemon.
    async fn wire(&self) -> std::io::Result<Box<dyn Wire>> {
        let url = reqwest::Url::parse(self.url()).map_err(std::io::Error::other)?;
        let host = url.host_str().unwrap_or_default();
        let addresses = url.socket_addrs(|| None)?;
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        match url.scheme() {
            "https" => Ok(Box::new(self.connector.connect(host, stream).await?)),
            _ => Ok(Box::new(stream)),
        }
    }

    /// Opens a stream.
    pub(super) async fn stream(&self, path: &[&str]) -> Result<Stream, ClientError> {
        let url = self.url().to_owned();
        let unreachable = |why: String| ClientError::Unreachable { url: url.clone(), why };
        let address = self.address(path).replacen("http", "ws", 1);
        let mut request = address.into_client_request().map_err(|error| unreachable(innermost(&error)))?;
        let bearer = format!("Bearer {}", self.place.token);
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| unreachable("the token is none".to_owned()))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert("authorization", bearer);
        let opening = async {
            let wire = self.wire().await.map_err(Error::Io)?;
            tokio_tungstenite::client_async(request, wire).await
        };
        match tokio::time::timeout(CONNECT, opening).await {
            Ok(Ok((socket, _))) => Ok(Stream { socket, url }),
            Ok(Err(Error::Http(response))) => {
                let status = reqwest::StatusCode::from_u16(response.status().as_u16()).unwrap_or_default();
                Err(refused(status, response.body().as_deref().unwrap_or_default()))
            }
            Ok(Err(error)) => Err(unreachable(innermost(&error))),
            Err(_) => Err(unreachable("no answer in time".to_owned())),
        }
    }
}

impl Stream {
    /// The next message. Cancel-safe.
    ///
    /// # Errors
    /// The connection is lost, or the daemon ended it.
    pub(in crate::cli) async fn next(&mut self) -> Result<Value, ClientError> {
        let lost = |why: &str| ClientError::Unreachable { url: self.url.clone(), why: why.to_owned() };
        loop {
            match tokio::time::timeout(QUIET, self.socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    return serde_json::from_str(&text)
                        .map_err(|error| ClientError::Odd { url: self.url.clone(), why: error.to_string() });
                }
                Ok(Some(Ok(Message::Close(_))) | None) => return Err(lost("it ended the connection")),
                Ok(Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {}
                Ok(Some(Err(error))) => return Err(lost(&innermost(&error))),
                Err(_) => return Err(lost("it has been silent for too long")),
            }
        }
    }
}

/// Lines of an answer that does not end, one after another.
#[derive(Debug)]
pub(in crate::cli) struct Lines {
    response: reqwest::Response,
    read: Vec<u8>,
    url: String,
}

impl Client {
    /// Opens lines.
    pub(super) async fn lines(&self, request: reqwest::RequestBuilder) -> Result<Lines, ClientError> {
        let late = |_| ClientError::Unreachable { url: self.url().to_owned(), why: "no answer in time".to_owned() };
        let sent = tokio::time::timeout(ANSWER, request.send()).await.map_err(late)?;
        let response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(Lines { response, read: Vec::new(), url: self.url().to_owned() });
        }
        let body = response.bytes().await.unwrap_or_default();
        Err(refused(status, &body))
    }
}

impl Lines {
    /// The next message. Cancel-safe.
    ///
    /// # Errors
    /// The connection is lost, or the daemon ended it.
    pub(in crate::cli) async fn next(&mut self) -> Result<Value, ClientError> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return serde_json::from_slice(&line).map_err(|error| self.odd(error.to_string()));
            }
            if self.read.len() > LINE_BYTES {
                return Err(self.odd(format!("a line of more than {LINE_BYTES} bytes")));
            }
            let lost = |why: String| ClientError::Unreachable { url: self.url.clone(), why };
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.read.extend_from_slice(&chunk),
                Ok(None) => return Err(lost("it ended the connection".to_owned())),
                Err(error) => return Err(lost(innermost(&error))),
            }
        }
    }

    fn odd(&self, why: String) -> ClientError {
        ClientError::Odd { url: self.url.clone(), why }
    }
}
