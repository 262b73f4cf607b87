//! Says the settings to each part in its own words. Nothing is decided here.

use std::collections::BTreeMap;

use conference::{AgentSettings, QueueSettings, RoomSettings, Settings, TransferSettings};
use control_api::Doors;
use media_mixer::sdp::{Codec, OpusSettings};
use media_mixer::{HoldMusic, MediaSettings, Nat, Offers, Srtp};
use sip_signalling::{Account, Directory, Doorkeeping, Offer, Password, SipSettings, Trunk};

use crate::config::{self, AudioCodec, Config};
use crate::dialplan::DialPlan;

/// Whom the API lets in, and how often.
pub(crate) fn doors(config: &Config) -> Doors {
    let http = &config.http;
    Doors {
        domain: config.server.domain.clone(),
        origins: http.origins.clone(),
        trusted_proxies: http.trusted_proxies.clone(),
        rate_per_s: http.rate_per_s,
        burst: http.burst,
    }
}

/// What the core is told.
pub(crate) fn core(config: &Config, plan: &DialPlan) -> Settings {
    let agents: BTreeMap<_, _> = config
        .agents
        .iter()
        .map(|agent| {
            let settings = AgentSettings {
                display_name: agent.display_name.clone(),
                max_calls: agent.max_calls,
                supervisor: agent.supervisor,
                queues: agent.queues.iter().cloned().collect(),
                skills: agent.skills.clone(),
            };
            (agent.name.clone(), settings)
        })
        .collect();
    let rooms = config
        .rooms
        .iter()
        .map(|room| {
            let settings = RoomSettings {
                max_participants: room.max_participants,
                wait_for_agent: room.wait_for_agent,
                pin: room.pin.clone(),
                tones: room.tones,
            };
            (room.name.clone(), settings)
        })
        .collect();
    let transfer = TransferSettings {
        ring_timeout: config.transfer.ring_timeout,
        recall: config.transfer.recall,
        fallback: config.transfer.fallback.as_ref().map(|target| plan.destination(target)),
        held_alone: config.transfer.held_alone,
        supervise_consults: config.transfer.supervise_consults,
        code_timeout: config.transfer.code_timeout,
        codes: conference::Codes {
            start: config.transfer.codes.start.clone(),
            cancel: config.transfer.codes.cancel.clone(),
            complete: config.transfer.codes.complete.clone(),
            merge: config.transfer.codes.merge.clone(),
            swap: config.transfer.codes.swap.clone(),
        },
    };
    let queues = config.queues.iter().map(|queue| (queue.name.clone(), self::queue(queue, plan))).collect();
    Settings { agents, queues, rooms, transfer }
}

/// What reaches agents and queues from a keypad, by name.
pub(crate) fn extensions(config: &Config) -> BTreeMap<String, String> {
    let agents = config.agents.iter().map(|agent| (&agent.name.0, &agent.extension));
    let queues = config.queues.iter().map(|queue| (&queue.name, &queue.extension));
    let both = agents.chain(queues).filter(|(_, extension)| !extension.is_empty());
    both.map(|(name, extension)| (name.clone(), extension.clone())).collect()
}

fn queue(queue: &config::Queue, plan: &DialPlan) -> QueueSettings {
    QueueSettings {
        strategy: queue.strategy,
        ring_timeout: queue.ring_timeout,
        wrap_up: queue.wrap_up,
        max_length: queue.max_length,
        max_wait: queue.max_wait,
        overflow: queue.overflow.as_ref().map(|target| plan.destination(target)),
        wait_when_empty: queue.wait_when_empty,
        position_every: queue.position_every,
        priority: queue.priority,
        skills: queue.skills.clone(),
    }
}

/// What the signalling is started with.
pub(crate) fn signalling(config: &Config) -> SipSettings {
    SipSettings {
        domain: config.server.domain.clone(),
        listen: config.sip.listen.clone(),
        identity: config.identity.clone(),
        name_servers: config.sip.name_servers.clone(),
        trust: None,
        external_address: config.sip.external_address,
        local_networks: config.server.local_networks.clone(),
        digest: config.sip.digest.clone(),
        directory: directory(config),
        doorkeeping: Doorkeeping::Server,
        user_agent: concat!("Baton/", env!("CARGO_PKG_VERSION")).to_owned(),
        ban_loopback: config.sip.ban_loopback,
        keep_alive: config.sip.keep_alive,
        session_expires: config.sip.session_expires,
        dropped_user_agents: config.sip.drop_user_agents.clone(),
        bindings: Vec::new(),
    }
}

/// Who may register and call; also what a reload replaces.
pub(crate) fn directory(config: &Config) -> Directory {
    let accounts = config
        .agents
        .iter()
        .map(|agent| {
            let password = match &agent.ha1s {
                Some(ha1s) => Password::Hashed(ha1s.clone()),
                None => Password::Plain(agent.password.clone()),
            };
            Account { name: agent.name.clone(), password }
        })
        .collect();
    Directory { accounts, trunks: config.trunks.iter().map(trunk).collect() }
}

fn trunk(trunk: &config::Trunk) -> Trunk {
    Trunk {
        name: trunk.name.clone(),
        place: trunk.place.clone(),
        protocol: trunk.protocol,
        security: trunk.security.clone(),
        credentials: trunk.credentials.clone(),
        register: trunk.register,
        caller_id: trunk.caller_id.clone(),
        from_account: trunk.from_account,
        trusted: trunk.trusted,
        accept_from: trunk.accept_from.clone(),
        max_calls: trunk.max_calls,
    }
}

/// What the mixer is started with.
pub(crate) fn media(config: &Config) -> MediaSettings {
    let opus = config.media.opus;
    let codecs = config.media.codecs.iter().map(|codec| match codec {
        AudioCodec::Opus => Codec::Opus,
        AudioCodec::G722 => Codec::G722,
        AudioCodec::Pcmu => Codec::Pcmu,
        AudioCodec::Pcma => Codec::Pcma,
    });
    MediaSettings {
        address: config.media.address,
        address_v6: config.media.address_v6,
        external_address: config.sip.external_address,
        local_networks: config.server.local_networks.iter().map(|net| (net.address, net.prefix)).collect(),
        rtp_ports: config.media.rtp_ports,
        codecs: codecs.collect(),
        opus: OpusSettings {
            bitrate: opus.bitrate,
            complexity: u8::try_from(opus.complexity).unwrap_or(10),
            fec: opus.fec,
            dtx: opus.dtx,
        },
        srtp: srtp(config.media.srtp),
        nat: if config.media.nat { Nat::Auto } else { Nat::Off },
        workers: config.media.workers,
        hold_music: music(&config.media.hold_music),
        queue_music: queue_music(config),
        agc: config.media.agc,
        media_timeout: config.media.media_timeout,
        tail_guard: config.transfer.tail_guard,
        #[cfg(feature = "break")]
        break_law: config.media.break_law,
    }
}

/// Whether sound is encrypted.
pub(crate) const fn srtp(setting: config::Srtp) -> Srtp {
    match setting {
        config::Srtp::Auto => Srtp::Auto,
        config::Srtp::Off => Srtp::Off,
        config::Srtp::Optional => Srtp::Optional,
        config::Srtp::Required => Srtp::Required,
    }
}

/// What people hear who wait in queues that have music of their own.
pub(crate) fn queue_music(config: &Config) -> BTreeMap<String, HoldMusic> {
    config.queues.iter().map(|queue| (queue.name.clone(), music(&queue.music))).collect()
}

/// What people hear who wait.
fn music(music: &config::HoldMusic) -> HoldMusic {
    match music {
        config::HoldMusic::Builtin => HoldMusic::Builtin,
        config::HoldMusic::Silence => HoldMusic::Silence,
        config::HoldMusic::Path(path) => HoldMusic::Path(path.clone()),
    }
}
/// What the mixer offers, for the signalling to send.
pub(crate) fn offer(offers: Offers) -> Offer {
    let Offers { near, far, strict, over_tls } = offers;
    let form = |form: Box<Offers>| Box::new(offer(*form));
    Offer { near, far, strict: strict.map(form), over_tls: over_tls.map(form) }
}
