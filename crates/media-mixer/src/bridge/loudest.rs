//! In a large call only the loudest are mixed, place by place, and a talker once chosen is not dropped for a little less.
//!
//! In a call of ten talkers or fewer everybody is. It opens no ear: whoever is chosen is still heard by his mask only.

use conference::Place;

use super::Voice;
use super::seat::Seat;

/// Up to so many talkers of one place are all mixed, and more than that never.
pub(crate) const ALL_MIXED: usize = 10;

/// A chosen talker counts for so many times his loudness: 3 dB.
const STAYS: u64 = 2;

/// Whispering supervisors mixed at most: what is left of [`super::TALKERS`].
const WHISPERERS: usize = super::TALKERS - 2 * ALL_MIXED;

/// Sets `chosen` on those to be mixed in this tick.
pub(crate) fn choose(seats: &mut [Option<Seat>], voices: &[Voice]) {
    let (mut main, mut side, mut whisperers) = (0, 0, 0);
    for (seat, voice) in seats.iter_mut().zip(voices) {
        let Some(seat) = seat else { continue };
        let speaks = speaks(seat, voice);
        // fast up, slow down: the pause of a syllable does not cost a place
        seat.level -= seat.level / 16;
        if speaks {
            seat.level = seat.level.max(voice.power);
        }
        match (&seat.mask.supervises, seat.mask.place) {
            (Some(tie), _) => {
                let whispers = speaks && tie.whisper_to.is_some();
                whisperers += usize::from(whispers);
                seat.chosen = whispers && whisperers <= WHISPERERS;
            }
            (None, Place::Main) => main += usize::from(speaks),
            (None, Place::Side) => side += usize::from(speaks),
        }
    }
    for (place, count) in [(Place::Main, main), (Place::Side, side)] {
        choose_in(seats, voices, place, count);
    }
}

fn choose_in(seats: &mut [Option<Seat>], voices: &[Voice], place: Place, count: usize) {
    let least = if count > ALL_MIXED { tenth_loudest(seats, voices, place) } else { (0, usize::MAX) };
    for (index, (seat, voice)) in seats.iter_mut().zip(voices).enumerate() {
        let Some(seat) = seat.as_mut().filter(|seat| is_in(seat, place)) else { continue };
        let (least_weight, least_index) = least;
        let weight = weight(seat);
        let among = weight > least_weight || (weight == least_weight && index <= least_index);
        seat.chosen = speaks(seat, voice) && among;
    }
}

/// Weight and index of the last one that is still chosen; among equals the first ones are.
fn tenth_loudest(seats: &[Option<Seat>], voices: &[Voice], place: Place) -> (u64, usize) {
    let mut row = [(0_u64, usize::MAX); ALL_MIXED];
    for (index, (seat, voice)) in seats.iter().zip(voices).enumerate() {
        let Some(seat) = seat.as_ref().filter(|seat| is_in(seat, place) && speaks(seat, voice)) else { continue };
        let weight = weight(seat);
        if weight > row[ALL_MIXED - 1].0 {
            row[ALL_MIXED - 1] = (weight, index);
            row.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        }
    }
    row[ALL_MIXED - 1]
}

fn weight(seat: &Seat) -> u64 {
    u64::from(seat.level) * if seat.chosen { STAYS } else { 1 } + 1
}

fn is_in(seat: &Seat, place: Place) -> bool {
    seat.mask.place == place && seat.mask.supervises.is_none()
}

fn speaks(seat: &Seat, voice: &Voice) -> bool {
    voice.speaks && seat.mask.speaks()
}
