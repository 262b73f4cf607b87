//! Registers an agent's phone by digest and takes it back again, before and after the run: it waits for each answer.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::wire::{Message, authorize};

/// How long one answer may take before the request is sent anew.
const ANSWER: Duration = Duration::from_millis(500);
const ATTEMPTS: u32 = 20;

/// REGISTER of this socket as the phone of `user`, whose password is `USER-secret`. No seconds take it back.
pub(crate) fn register(
    socket: &UdpSocket,
    server: SocketAddr,
    domain: &str,
    user: &str,
    expires_s: u32,
) -> Result<(), String> {
    register_again(socket, server, domain, user, expires_s, u32::from(expires_s == 0))
}

/// The so many-th time: a name must count on from the time before, RFC 3261 §10.2.
pub(crate) fn register_again(
    socket: &UdpSocket,
    server: SocketAddr,
    domain: &str,
    user: &str,
    expires_s: u32,
    time: u32,
) -> Result<(), String> {
    let own = socket.local_addr().map_err(|why| why.to_string())?;
    let mut authorization = String::new();
    let first = time * ATTEMPTS + 1;
    for sequence in first..first + ATTEMPTS {
        let request = format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKr{sequence}{user};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@{domain}>;tag=r\r\nTo: <sip:{user}@{domain}>\r\nCall-ID: load-register-{user}-{own}\r\n\
             CSeq: {sequence} REGISTER\r\nContact: <sip:{user}@{own}>\r\nExpires: {expires_s}\r\n{authorization}Content-Length: 0\r\n\r\n"
        );
        socket.send_to(request.as_bytes(), server).map_err(|why| why.to_string())?;
        let Some(answer) = wait_for_answer(socket, sequence) else { continue };
        let message = Message::read(answer.as_bytes()).ok_or("a garbled answer to REGISTER")?;
        match message.status() {
            Some(200) => return Ok(()),
            Some(401) => {
                let challenge = message.header("WWW-Authenticate").ok_or("401 without a challenge")?;
                let value = authorize(challenge, user, &format!("{user}-secret"), "REGISTER", &format!("sip:{domain}"));
                authorization = format!("Authorization: {}\r\n", value.ok_or("an unreadable challenge")?);
            }
            status => return Err(format!("REGISTER was answered {status:?}")),
        }
    }
    Err("REGISTER is not answered".to_owned())
}

fn wait_for_answer(socket: &UdpSocket, sequence: u32) -> Option<String> {
    let end = Instant::now() + ANSWER;
    let mut buffer = [0; 8192];
    while Instant::now() < end {
        if let Ok(length) = socket.recv(&mut buffer) {
            let answers = |message: &Message<'_>| {
                message.status().is_some() && message.cseq().is_some_and(|(number, _)| number == sequence)
            };
            if Message::read(&buffer[..length]).is_some_and(|message| answers(&message)) {
                return Some(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    None
}
