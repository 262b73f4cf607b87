//! Pauses in which nothing is sent, and packets that get lost: the one is comfort, the other is mended.

use media_mixer::codec::{Codec, Encoder};
use media_mixer::lab::Parcel;
use media_mixer::sdp::{OpusSettings, OpusTerms};
use media_mixer::tone::level_dbfs;

use crate::people::{People, settings};

/// A packet of comfort noise of this level, in the place of sound.
fn comfort(people: &mut People, leg: conference::LegId, level: u8, frames: u32) {
    let clock = frames * 160;
    let phone = people.house.phones.get_mut(&leg).unwrap();
    let bytes = phone.raw(13, false, clock, &[level]);
    let (from, to, at_us) = (phone.address, phone.server, people.house.lab.now_us());
    people.house.lab.net().arrive(Parcel { from, to, at_us, bytes });
}

#[test]
fn a_phone_that_sends_comfort_noise_is_heard_to_pause() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
        let mut people = People::new();
        let a = people.add(1, codec, 700.0, "");
        let b = people.add(2, Codec::Pcmu, 0.0, "");
        people.meet();
        people.talk(100);
        comfort(&mut people, a, 50, 100);
        let mut person = people.people.remove(&a).unwrap();
        people.talk(10);
        people.forget();
        people.talk(140);
        let noise = level_dbfs(&people.sound(b));
        assert!((noise + 50.0).abs() < 2.0, "{codec:?}: {noise} dBFS in the pause");
        // it goes on, at the time that its clock says
        person.skip(150);
        people.people.insert(a, person);
        people.forget();
        people.talk(50);
        assert!((people.level(b, 700.0, 600) + 13.3).abs() < 1.0, "{codec:?}");
        let counts = people.house.mixer.leg_stats(a).unwrap().jitter;
        assert_eq!((counts.concealed, counts.resets), (0, 0), "{codec:?}: {counts:?}");
    }
}

#[test]
fn opus_that_pauses_is_comfort_and_no_loss_and_our_own_pauses_are_not_sent() {
    let opus = OpusSettings { dtx: true, ..OpusSettings::default() };
    let mut people = People::with(&media_mixer::MediaSettings { opus, ..settings() });
    let a = people.add(1, Codec::Opus, 700.0, "a=fmtp:96 usedtx=1\r\n");
    let b = people.add(2, Codec::Opus, 0.0, "a=fmtp:96 usedtx=1\r\n");
    let pausing = OpusTerms { pauses: true, ..OpusTerms::default() };
    for leg in [a, b] {
        people.people.get_mut(&leg).unwrap().encoder = Encoder::on_terms(Codec::Opus, &pausing);
    }
    people.meet();
    people.talk(100);
    people.people.get_mut(&a).unwrap().hertz = 0.0;
    people.talk(100);
    people.forget();
    people.talk(200);
    let sent = people.packets(b).len();
    // what is heard of the other's pause is noise: nothing of it is sent but now and then
    assert!(sent < 120, "{sent} packets in four seconds of pause");
    let counts = people.house.mixer.leg_stats(a).unwrap().jitter;
    assert!(counts.concealed < 8_000, "a pause is no loss: {counts:?}");
    people.people.get_mut(&a).unwrap().hertz = 700.0;
    people.forget();
    people.talk(60);
    assert!((people.level(b, 700.0, 600) + 13.3).abs() < 1.5);
    let heard = people.packets(b);
    assert!(heard.windows(2).all(|two| two[1].sequence == two[0].sequence.wrapping_add(1)));
    assert!(heard.iter().any(|packet| packet.marker), "a marker follows a pause");
}

/// Of a hundred frames so many are holes at so much loss.
fn holes_at(codec: Codec, loss: u64, extra: &str) -> f64 {
    let mut people = People::new();
    let a = people.add(1, codec, 400.0, extra);
    let b = people.add(2, Codec::Pcmu, 0.0, "");
    people.meet();
    people.talk(50);
    people.people.get_mut(&a).unwrap().loss = loss;
    people.talk(100);
    people.forget();
    people.talk(400);
    let sound = people.sound(b);
    let holes = sound.chunks(160).filter(|frame| level_dbfs(frame) < -30.0).count();
    holes as f64 * 100.0 / (sound.len() / 160) as f64
}

#[test]
fn ten_percent_of_loss_leaves_hardly_a_hole_in_any_codec() {
    for codec in Codec::ALL {
        let holes = holes_at(codec, 10, "a=fmtp:96 useinbandfec=1\r\n");
        assert!(holes < 3.0, "{codec:?}: {holes} % of the frames are holes");
    }
}
