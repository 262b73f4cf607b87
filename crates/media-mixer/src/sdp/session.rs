//! One leg's negotiation: our descriptions, their version, and the last agreement.
//!
//! It does not know dialogs or transactions: who may offer when is signalling's business. A call that returns an error has
//! changed nothing. The value freezes and thaws with its leg.

mod addresses;
mod forms;
mod numbers;

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::agreement::{Agreement, Codec, EventMap, PayloadMap};
use super::choose::{Chosen, Events, Profile, Stream, Way, choose};
use super::crypto::{Encryption, SrtpTerms};
use super::opus::OpusSettings;
use super::protect::{Described, Keys};
use super::render::{Words, render};
use super::wish::{Reading, Wish};
use super::{SdpError, limits};
use crate::srtp::Protection;
pub use forms::Forms;

/// The clock rate of Opus.
const FULL_CLOCK: u32 = Codec::Opus.clock_rate();

/// What we are, before anybody asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalMedia {
    /// The address peers send to.
    pub address: IpAddr,
    /// Our RTP port.
    pub port: u16,
    /// What we speak, in order of preference.
    pub codecs: Vec<Codec>,
    /// Names this leg in `o=` for its whole life.
    pub session_id: u64,
    /// How we speak Opus.
    #[serde(default)]
    pub opus: OpusSettings,
    /// How we protect media.
    #[serde(default)]
    pub srtp: SrtpTerms,
}

/// One leg's negotiation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    local: LocalMedia,
    version: u64,
    /// Our last description, as it was sent.
    described: Option<Described>,
    wish: Wish,
    /// The wish of the last agreement, to go back to when an offer is turned down.
    settled_wish: Wish,
    /// An offer of ours has neither been accepted nor withdrawn.
    outstanding: bool,
    /// A provisional answer to it was taken.
    #[serde(default)]
    early: bool,
    line: Line,
    #[serde(default)]
    keys: Keys,
    agreement: Option<Agreement>,
    /// The version of our last description that is part of an agreement.
    settled: Option<u64>,
    /// What was before our last answer, until another agreement follows.
    before: Option<Box<Before>>,
}

/// What an answer changes, as it was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    version: u64,
    described: Option<Described>,
    settled: Option<u64>,
    settled_wish: Wish,
    line: Line,
    keys: Keys,
    agreement: Option<Agreement>,
}

/// What must stay the same from one description to the next (RFC 3264 §8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    /// Lines of the peer that we refused, before and behind the audio line.
    before: String,
    after: String,
    #[serde(default)]
    profile: Profile,
    rtcp_mux: bool,
    /// The numbers by which the peer knows our codecs.
    numbers: PayloadMap,
    events: Option<u8>,
    /// The same of the clock of Opus.
    #[serde(default)]
    events_full: Option<u8>,
    /// Bit `n`: dynamic payload type `96 + n` has a meaning already.
    taken: u32,
    ptime_ms: u8,
}

/// What one description of ours names.
struct Said<'a> {
    codecs: &'a [(u8, Codec)],
    events: &'a [Events],
    comfort: Option<u8>,
    ptime_ms: u8,
    /// We ask for extended reports: of whoever knows what they are, and in offers.
    extended: bool,
}

impl Line {
    /// The number by which the peer knows events of this clock.
    fn keep_events(&mut self, events: Events) {
        let known = match events.clock {
            FULL_CLOCK => &mut self.events_full,
            clock if clock == Codec::Pcmu.clock_rate() => &mut self.events,
            _ => return,
        };
        *known = Some(events.number);
    }
}

impl Session {
    /// A negotiation in which nothing has been said.
    pub fn new(local: LocalMedia) -> Session {
        let profile = Profile { feedback: false, secure: local.srtp.encryption == Encryption::Required };
        Session {
            local,
            version: 1,
            described: None,
            wish: Wish::default(),
            settled_wish: Wish::default(),
            outstanding: false,
            early: false,
            line: Line {
                before: String::new(),
                after: String::new(),
                profile,
                rtcp_mux: false,
                numbers: PayloadMap::default(),
                events: None,
                events_full: None,
                taken: 0,
                ptime_ms: limits::PTIME_DEFAULT_MS,
            },
            keys: Keys::default(),
            agreement: None,
            settled: None,
            before: None,
        }
    }

    /// What we are.
    pub fn local(&self) -> &LocalMedia {
        &self.local
    }

    /// From our next offer on we speak these, in order of preference. What was agreed goes on until then.
    pub fn set_codecs(&mut self, codecs: Vec<Codec>) {
        self.local.codecs = codecs;
    }

    /// The last agreement.
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    /// The agreement that comes back if our last answer is called off.
    pub(crate) fn agreement_before(&self) -> Option<&Agreement> {
        self.before.as_ref()?.agreement.as_ref()
    }

    /// What we last asked for.
    pub fn wish(&self) -> Wish {
        self.wish
    }

    /// Our offer: every codec in order of preference, and telephone events.
    pub fn offer(&mut self) -> Bytes {
        self.reoffer(self.wish)
    }

    /// Our offer with another wish: hold, resume, listen.
    pub fn reoffer(&mut self, wish: Wish) -> Bytes {
        self.wish = wish;
        self.outstanding = true;
        self.keys.offer(self.agreement.map(|agreement| agreement.srtp), &self.local.srtp);
        let codecs = self.numbered_codecs();
        let events: Vec<Events> = self.numbered_events().collect();
        let way = wish.way();
        let ptime_ms = self.line.ptime_ms;
        let said = Said { codecs: &codecs, events: &events, comfort: None, ptime_ms, extended: true };
        self.describe(self.local.port, said, way, "")
    }

    /// The description that is in force once more, as an offer: nothing of it changes, its version neither (RFC 4028
    /// §7.4). Where nothing was agreed, or another offer of ours came after it, the same wish in a new offer.
    pub fn repeat(&mut self) -> Bytes {
        match &self.described {
            Some(described) if self.settled == Some(self.version) => {
                self.outstanding = true;
                Bytes::copy_from_slice(described.0.as_bytes())
            }
            Some(_) | None => self.reoffer(self.wish),
        }
    }

    /// Our last answer did not go out, because its offer was called off (RFC 3261 §9.2): everything is as before it.
    /// Returns what was agreed then; `None` if nothing was, or another agreement has followed.
    pub fn restore(&mut self) -> Option<Agreement> {
        let before = *self.before.take()?;
        self.line = before.line;
        self.agreement = before.agreement;
        self.settled = before.settled;
        self.settled_wish = before.settled_wish;
        // an offer of ours that went out meanwhile has a version that must not come again
        if !self.outstanding {
            (self.version, self.described) = (before.version, before.described);
            self.keys.said = before.keys.said;
        }
        self.agreement
    }

    /// Our offer was turned down (488, 491, 408 …): what was agreed before goes on.
    pub fn withdraw(&mut self) {
        self.outstanding = false;
        self.wish = self.settled_wish;
    }

    /// Looks at an offer and changes nothing. Fails exactly when [`Session::answer`] would.
    ///
    /// # Errors
    /// As [`SdpError`] says.
    pub fn read(&self, offer: &[u8]) -> Result<Reading, SdpError> {
        let chosen = choose(offer, &self.local, self.encryption())?;
        Ok(Reading { direction: chosen.stream.direction(), stream: !chosen.stream.port_zero })
    }

    /// Answers an offer (RFC 3264 §6). A hold is never answered `sendrecv`.
    ///
    /// # Errors
    /// As [`SdpError`] says; nothing has changed then.
    pub fn answer(&mut self, offer: &[u8]) -> Result<(Bytes, Agreement), SdpError> {
        let chosen = choose(offer, &self.local, self.encryption())?;
        let protection = match chosen.stream.port_zero {
            true => self.protection(),
            false => self.keys.answer(&chosen.stream.crypto, self.protection())?,
        };
        let before = Before {
            version: self.version,
            described: self.described.clone(),
            settled: self.settled,
            settled_wish: self.settled_wish,
            line: self.line.clone(),
            keys: self.keys.clone(),
            agreement: self.agreement,
        };
        let stream = &chosen.stream;
        let agreement = self.agree(stream, &[], protection);
        self.keys.answered(protection);
        let port = if stream.port_zero { 0 } else { self.local.port };
        let codecs = self.preferred(stream).map(|(number, codec)| [(number, codec)]);
        let events = stream.events_for(agreement.codec).map(|events| [events]);
        // comfort noise has the clock of its stream (RFC 3389 §4)
        let comfort = stream.comfort.filter(|_| agreement.codec.clock_rate() == Codec::ComfortNoise.clock_rate());
        let way = answering_way(stream, self.wish);
        let asked = stream.extended.is_some();
        let formats = self.remember(chosen, &agreement);
        let said = Said {
            codecs: codecs.as_ref().map_or(&[], |codecs| &codecs[..]),
            events: events.as_ref().map_or(&[], |events| &events[..]),
            comfort,
            ptime_ms: agreement.ptime_ms,
            extended: asked,
        };
        let text = self.describe(port, said, way, &formats);
        self.settle(agreement);
        self.before = Some(Box::new(before));
        Ok((text, agreement))
    }

    /// Takes the answer to our last offer.
    ///
    /// # Errors
    /// `NoOffer` if none is outstanding, else as [`SdpError`] says; nothing has changed then.
    pub fn accept(&mut self, answer: &[u8]) -> Result<Agreement, SdpError> {
        let agreement = self.take_answer(answer)?;
        self.was_taken(agreement.srtp);
        Ok(agreement)
    }

    fn take_answer(&mut self, answer: &[u8]) -> Result<Agreement, SdpError> {
        if !self.outstanding {
            return Err(SdpError::NoOffer);
        }
        if let Some(agreement) = self.agreement.filter(|_| answer.is_empty() && self.early) {
            // it came with a reliable provisional answer (RFC 3262 §5), and need not come again
            self.settle(agreement);
            return Ok(agreement);
        }
        let chosen = choose(answer, &self.local, self.encryption())?;
        let protection = match chosen.stream.port_zero {
            true => self.protection(),
            false => self.keys.accept(&chosen.stream.crypto, self.protection())?,
        };
        let offered = self.numbered_codecs();
        let agreement = self.agree(&chosen.stream, &offered, protection);
        for events in self.numbered_events().collect::<Vec<_>>() {
            self.line.keep_events(events);
        }
        self.line.taken |= chosen.stream.mapped;
        for (number, codec) in offered.iter().chain(&chosen.stream.codecs) {
            self.line.numbers.insert(*number, *codec);
        }
        self.line.rtcp_mux = agreement.rtcp_mux;
        self.settle(agreement);
        Ok(agreement)
    }

    /// Takes a provisional answer to our first offer: sound may come by it before the answer that counts (RFC 3261 §13.2.1, §13.3.1.1),
    /// which [`Session::accept`] takes, and which may be another one or empty.
    ///
    /// # Errors
    /// As [`Session::accept`].
    pub fn accept_early(&mut self, answer: &[u8]) -> Result<Agreement, SdpError> {
        let agreement = self.take_answer(answer)?;
        (self.outstanding, self.early) = (true, true);
        Ok(agreement)
    }

    /// What `stream` means together with what we `offered` (nothing, if it is an offer itself).
    fn agree(&self, stream: &Stream, offered: &[(u8, Codec)], srtp: Option<Protection>) -> Agreement {
        let mut receive = PayloadMap::default();
        let comfort = stream.comfort.map(|number| (number, Codec::ComfortNoise));
        for (number, codec) in offered.iter().chain(&stream.codecs).chain(&comfort) {
            receive.insert(*number, *codec);
        }
        let chosen = if offered.is_empty() { self.preferred(stream) } else { stream.codecs.first().copied() };
        let (send_pt, codec) = chosen.unwrap_or(self.fallback());
        let events = stream.events_for(codec);
        let mut dtmf_receive = EventMap::default();
        for said in events.iter().chain(&stream.events) {
            // in an answer to our offer they may come by the number that we gave them
            let ours = self.numbered_events().filter(|ours| !offered.is_empty() && ours.clock == said.clock);
            ours.chain([*said]).for_each(|events| dtmf_receive.insert(events.number, events.clock));
        }
        let rtcp_mux = stream.rtcp_mux && (offered.is_empty() || self.line.rtcp_mux);
        Agreement {
            remote: stream.remote.filter(|_| !stream.port_zero),
            remote_rtcp: stream.remote_rtcp.filter(|_| rtcp_mux == stream.rtcp_mux),
            rtcp_mux,
            codec,
            send_pt,
            receive,
            dtmf_send_pt: events.map(|events| events.number),
            dtmf_receive,
            dtmf_clock: events.map_or(Codec::Pcmu.clock_rate(), |events| events.clock),
            opus: stream.opus,
            ptime_ms: packet_time(codec, stream.ptime_ms),
            direction: stream.direction(),
            srtp,
            extended: stream.extended.unwrap_or_default(),
        }
    }

    /// How both ways are protected now.
    fn protection(&self) -> Option<Protection> {
        self.agreement.and_then(|agreement| agreement.srtp)
    }

    /// What is wanted of a description: what is encrypted stays so, whatever the settings say.
    fn encryption(&self) -> Encryption {
        // what a provisional answer said is not agreed for good: the answer may come from somebody else
        let agreed = self.protection().is_some() && !self.early;
        if agreed { Encryption::Required } else { self.local.srtp.encryption }
    }

    /// Of the codecs of an offer, the one that our settings name first.
    fn preferred(&self, stream: &Stream) -> Option<(u8, Codec)> {
        let of = |wanted: &Codec| stream.codecs.iter().copied().find(|(_, codec)| codec == wanted);
        self.local.codecs.iter().find_map(of)
    }

    /// The codec of a stream that was refused: the last one, so that nothing changes for those who read it.
    fn fallback(&self) -> (u8, Codec) {
        match self.agreement {
            Some(last) => (last.send_pt, last.codec),
            None => {
                let codec = self.local.codecs.first().copied().unwrap_or(Codec::Pcmu);
                (codec.static_payload_type().unwrap_or(0), codec)
            }
        }
    }

    /// Keeps the order of the peer's lines and the meaning of its numbers for our next offer. Returns the formats it offered.
    fn remember(&mut self, chosen: Chosen, agreement: &Agreement) -> String {
        self.line.before = chosen.before;
        self.line.after = chosen.after;
        self.line.profile = chosen.profile;
        self.line.rtcp_mux = agreement.rtcp_mux;
        self.line.numbers = agreement.receive;
        for events in &chosen.stream.events {
            self.line.keep_events(*events);
        }
        self.line.taken |= chosen.stream.mapped;
        self.line.ptime_ms = agreement.ptime_ms;
        chosen.formats
    }

    fn settle(&mut self, agreement: Agreement) {
        (self.outstanding, self.early) = (false, false);
        self.settled_wish = self.wish;
        self.keys.agreed(agreement.srtp);
        self.agreement = Some(agreement);
        self.settled = Some(self.version);
        self.before = None;
    }

    /// Our description; its version rises only if it differs from the last one (RFC 3264 §8).
    fn describe(&mut self, port: u16, said: Said<'_>, way: Way, refused_formats: &str) -> Bytes {
        let opus = self.local.opus.parameters();
        let mut words = Words {
            address: self.local.address,
            address_zero: self.wish == Wish::AddressZero,
            port,
            session_id: self.local.session_id,
            version: self.version,
            proto: self.line.profile.name(),
            codecs: said.codecs,
            opus: &opus,
            events: said.events,
            comfort: said.comfort,
            ptime_ms: said.ptime_ms,
            way,
            rtcp_mux: self.line.rtcp_mux,
            extended: said.extended,
            crypto: &self.keys.said,
            refused_formats,
            before: &self.line.before,
            after: &self.line.after,
        };
        let mut text = render(&words);
        if self.described.as_ref().is_some_and(|last| last.0 != text) {
            words.version += 1;
            text = render(&words);
        }
        self.version = words.version;
        let sent = Bytes::copy_from_slice(text.as_bytes());
        self.described = Some(Described(text));
        sent
    }
}

/// What we answer: the mirror of the offer (RFC 3264 §6.1), within our own wish. To address zero nothing can be sent.
fn answering_way(stream: &Stream, wish: Wish) -> Way {
    let sends = stream.way.takes() && !stream.address_zero && wish.way().sends();
    let takes = stream.way.sends() && wish.way().takes();
    Way::new(sends, takes)
}

/// Opus has no frames of 30 and of 50 ms (RFC 6716 §2.1.4); rounded down, no limit of the peer's is passed.
fn packet_time(codec: Codec, asked_ms: u8) -> u8 {
    match (codec, asked_ms) {
        (Codec::Opus, 30) => 20,
        (Codec::Opus, 50) => 40,
        _ => asked_ms,
    }
}
