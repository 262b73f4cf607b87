//! G.722 at 64 kbit/s: two bands of adaptive PCM, eight bits for two samples of 16 kHz (ITU-T G.722 §3 to §6).
//!
//! Written for the tick: no allocation, and a state that is a plain value. The equations are the recommendation's; a test holds
//! every byte to an independent implementation. Modes 2 and 3 (56 and 48 kbit/s) are not spoken by anybody over RTP.

/// Coefficients of the two filters that split and join the bands (table 11).
const FILTER: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
/// Decision levels of the low band (table 14).
const LOW_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121, 1219, 1339,
    1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Codes of the low band by interval, for negative and for other differences (table 14).
const LOW_NEGATIVE: [i32; 30] =
    [63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4];
const LOW_POSITIVE: [i32; 30] = [
    61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36, 35, 34, 33,
    32,
];
/// What a low-band code stands for, by its four and by its six bits (tables 17 and 18).
const LOW_4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
const LOW_6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576,
    -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040,
    -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
    4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// What a high-band code stands for (table 18).
const HIGH_2: [i32; 4] = [-7408, -1616, 7408, 1616];
/// How a code moves the logarithm of the step (tables 15 and 16), by its bits.
const LOW_STEP: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
const HIGH_STEP: [i32; 4] = [798, -214, 798, -214];
/// The step for the five bits of its logarithm below the point (table 19).
const STEPS: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896, 2960, 3025,
    3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const LOW_MOST: i32 = 18_432;
const HIGH_MOST: i32 = 22_528;

fn saturated(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

/// One band's prediction and step; the same in both directions.
#[derive(Clone, Debug)]
struct Band {
    /// What is predicted, and the part of it that the zeros make.
    predicted: i32,
    zeros: i32,
    /// The last two reconstructed values, and the last two without the poles' part.
    rebuilt: [i32; 2],
    partial: [i32; 2],
    poles: [i32; 2],
    differences: [i32; 6],
    weights: [i32; 6],
    log_step: i32,
    step: i32,
}

impl Band {
    const fn new(step: i32) -> Self {
        Self {
            predicted: 0,
            zeros: 0,
            rebuilt: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
            differences: [0; 6],
            weights: [0; 6],
            log_step: 0,
            step,
        }
    }

    /// LOGSCL and SCALEL, LOGSCH and SCALEH (§6.2.1.3, §6.2.2.3).
    fn rescale(&mut self, change: i32, most: i32, point: i32) {
        self.log_step = (((self.log_step * 127) >> 7) + change).clamp(0, most);
        let value = STEPS[(self.log_step >> 6 & 31) as usize];
        let shift = point - (self.log_step >> 11);
        self.step = (if shift < 0 { value << -shift } else { value >> shift }) << 2;
    }

    /// Block 4: takes one quantised difference and predicts the next value (§6.2.1.4 to §6.2.1.6).
    fn adapt(&mut self, difference: i32) {
        let rebuilt = saturated(self.predicted + difference);
        let partial = saturated(self.zeros + difference);
        let same = |other: i32| (partial >> 15) == (other >> 15);

        // UPPOL2, UPPOL1
        let fourfold = saturated(self.poles[0] << 2);
        let turned = (if same(self.partial[0]) { -fourfold } else { fourfold }).min(32_767);
        let second = (turned >> 7) + if same(self.partial[1]) { 128 } else { -128 } + ((self.poles[1] * 32_512) >> 15);
        let second = second.clamp(-12_288, 12_288);
        let first = saturated(if same(self.partial[0]) { 192 } else { -192 } + ((self.poles[0] * 32_640) >> 15));
        let bound = saturated(15_360 - second);
        self.poles = [first.clamp(-bound, bound), second];

        // UPZERO, DELAYA
        let nudge = if difference == 0 { 0 } else { 128 };
        for (weight, before) in self.weights.iter_mut().zip(self.differences) {
            let nudge = if (before >> 15) == (difference >> 15) { nudge } else { -nudge };
            *weight = saturated(nudge + ((*weight * 32_640) >> 15));
        }
        self.differences.copy_within(0..5, 1);
        self.differences[0] = difference;
        self.rebuilt = [rebuilt, self.rebuilt[0]];
        self.partial = [partial, self.partial[0]];

        // FILTEP, FILTEZ, PREDIC
        let twice = |value: i32| saturated(value + value);
        let poles: i32 = self.poles.iter().zip(self.rebuilt).map(|(pole, value)| (pole * twice(value)) >> 15).sum();
        let zeros = self.weights.iter().zip(self.differences).map(|(weight, value)| (weight * twice(value)) >> 15);
        self.zeros = saturated(zeros.sum());
        self.predicted = saturated(saturated(poles) + self.zeros);
    }
}

/// The two bands and the filter's past of one direction.
#[derive(Clone, Debug)]
struct State {
    low: Band,
    high: Band,
    past: [i32; 24],
}

impl State {
    const fn new() -> Self {
        Self { low: Band::new(32), high: Band::new(8), past: [0; 24] }
    }

    fn shift(&mut self, first: i32, second: i32) {
        self.past.copy_within(2.., 0);
        self.past[22] = first;
        self.past[23] = second;
    }

    /// The sums over the odd and the even places of the past.
    fn filtered(&self) -> (i32, i32) {
        let (mut odd, mut even) = (0, 0);
        for (n, pair) in self.past.as_chunks::<2>().0.iter().enumerate() {
            odd += pair[0] * FILTER[n];
            even += pair[1] * FILTER[11 - n];
        }
        (odd, even)
    }

    fn low_code(&mut self, value: i32) -> i32 {
        let error = saturated(value - self.low.predicted);
        let size = if error >= 0 { error } else { -(error + 1) };
        let interval = LOW_LEVELS.iter().take_while(|level| size >= (**level * self.low.step) >> 12).count();
        let code = if error < 0 { LOW_NEGATIVE[interval] } else { LOW_POSITIVE[interval] };
        self.take_low(code);
        code
    }

    fn high_code(&mut self, value: i32) -> i32 {
        let error = saturated(value - self.high.predicted);
        let size = if error >= 0 { error } else { -(error + 1) };
        let outer = size >= (564 * self.high.step) >> 12;
        let code = match (error < 0, outer) {
            (true, false) => 1,
            (true, true) => 0,
            (false, false) => 3,
            (false, true) => 2,
        };
        self.take_high(code);
        code
    }

    fn take_low(&mut self, code: i32) {
        let code = (code >> 2) as usize;
        let difference = (self.low.step * LOW_4[code]) >> 15;
        self.low.rescale(LOW_STEP[code], LOW_MOST, 8);
        self.low.adapt(difference);
    }

    fn take_high(&mut self, code: i32) {
        let difference = (self.high.step * HIGH_2[code as usize]) >> 15;
        self.high.rescale(HIGH_STEP[code as usize], HIGH_MOST, 10);
        self.high.adapt(difference);
    }
}

/// Encodes one stream.
#[derive(Clone, Debug)]
pub struct G722Encoder(State);

impl Default for G722Encoder {
    fn default() -> Self {
        Self(State::new())
    }
}

impl G722Encoder {
    /// Encodes `samples` of 16 kHz, two to a byte, into the front of `out` and says how many bytes that made.
    pub fn encode(&mut self, samples: &[i16], out: &mut [u8]) -> usize {
        let (pairs, _) = samples.as_chunks::<2>();
        for (byte, [first, second]) in out.iter_mut().zip(pairs) {
            self.0.shift(i32::from(*first), i32::from(*second));
            let (odd, even) = self.0.filtered();
            let low = self.0.low_code((even + odd) >> 14);
            let high = self.0.high_code((even - odd) >> 14);
            *byte = (high << 6 | low) as u8;
        }
        pairs.len().min(out.len())
    }
}

/// Decodes one stream.
#[derive(Clone, Debug)]
pub struct G722Decoder(State);

impl Default for G722Decoder {
    fn default() -> Self {
        Self(State::new())
    }
}

impl G722Decoder {
    /// Decodes `payload` into the front of `out`, two samples of 16 kHz to a byte, and says how many samples that made.
    pub fn decode(&mut self, payload: &[u8], out: &mut [i16]) -> usize {
        let (pairs, _) = out.as_chunks_mut::<2>();
        let count = pairs.len().min(payload.len());
        let bounded = |value: i32| value.clamp(-16_384, 16_383);
        for (pair, byte) in pairs.iter_mut().zip(payload) {
            let (low_code, high_code) = (i32::from(byte & 63), i32::from(byte >> 6));
            let state = &mut self.0;
            let low = bounded(state.low.predicted + ((state.low.step * LOW_6[low_code as usize]) >> 15));
            state.take_low(low_code);
            let high = bounded(state.high.predicted + ((state.high.step * HIGH_2[high_code as usize]) >> 15));
            state.take_high(high_code);
            state.shift(low + high, low - high);
            let (odd, even) = state.filtered();
            *pair = [saturated(even >> 11) as i16, saturated(odd >> 11) as i16];
        }
        2 * count
    }
}

#[cfg(test)]
mod tests {
    use ezk_g722::libg722::{Bitrate, decoder::Decoder, encoder::Encoder};

    use super::*;

    /// Noise, tones, steps, full scale and silence, one after the other.
    fn sound() -> Vec<i16> {
        let mut chance = 7_u32;
        (0..64_000_u32)
            .map(|n| {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (chance >> 16) as i16;
                let tone =
                    |hz: f64, peak: f64| ((f64::from(n) * hz * std::f64::consts::TAU / 16_000.0).sin() * peak) as i16;
                match n / 8_000 {
                    0 => noise,
                    1 => tone(440.0, 30_000.0),
                    2 => tone(6_000.0, 12_000.0),
                    3 => noise >> 6,
                    4 => {
                        if n % 500 < 250 {
                            i16::MAX
                        } else {
                            i16::MIN
                        }
                    }
                    5 => 0,
                    6 => tone(f64::from(n - 48_000) / 2.0, 20_000.0),
                    _ => noise >> (n / 100 % 15),
                }
            })
            .collect()
    }

    /// The other implementation begins with steps of zero, where the recommendation has 32 and 8 (§6.2.1.3).
    fn begun_alike() -> State {
        State { low: Band::new(0), high: Band::new(0), past: [0; 24] }
    }

    #[test]
    fn every_byte_is_that_of_another_implementation() {
        let sound = sound();
        let mut reference = Encoder::new(Bitrate::Mode1_64000, false, false);
        let mut ours = G722Encoder(begun_alike());
        let mut bytes = vec![0; sound.len() / 2];
        assert_eq!(ours.encode(&sound, &mut bytes), bytes.len());
        assert_eq!(bytes, reference.encode(&sound));
        let mut decoded = vec![0; sound.len()];
        assert_eq!(G722Decoder(begun_alike()).decode(&bytes, &mut decoded), decoded.len());
        assert_eq!(decoded, Decoder::new(Bitrate::Mode1_64000, false, false).decode(&bytes));
    }

    #[test]
    fn any_bytes_are_decoded_as_the_other_implementation_does() {
        let mut chance = 3_u32;
        let bytes: Vec<u8> = (0..40_000)
            .map(|_| {
                chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (chance >> 24) as u8
            })
            .collect();
        let mut decoded = vec![0; 80_000];
        G722Decoder(begun_alike()).decode(&bytes, &mut decoded);
        assert_eq!(decoded, Decoder::new(Bitrate::Mode1_64000, false, false).decode(&bytes));
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let (mut samples, mut bytes) = ([1; 7], [0; 2]);
        assert_eq!(G722Decoder::default().decode(&[9; 10], &mut samples), 6);
        assert_eq!((samples[6], G722Decoder::default().decode(&[], &mut samples)), (1, 0));
        assert_eq!(G722Encoder::default().encode(&[5; 9], &mut bytes), 2);
    }
}
