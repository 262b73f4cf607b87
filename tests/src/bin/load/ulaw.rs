//! G.711 µ-law, both ways, from the formula of ITU-T G.711; no tables, no code of the mixer.

/// One packet (20 ms at 8 kHz) of a tone at -15 dBFS.
pub(crate) fn tone(pitch: f64) -> [u8; 160] {
    std::array::from_fn(|index| {
        let phase = std::f64::consts::TAU * pitch * index as f64 / 8000.0;
        encode((phase.sin() * 5800.0) as i16)
    })
}

/// One sample out of its code.
pub(crate) fn decode(code: u8) -> i16 {
    let code = !code;
    let exponent = (code >> 4) & 7;
    let magnitude = ((i16::from(code & 0x0f) * 8 + 132) << exponent) - 132;
    if code & 0x80 == 0 { magnitude } else { -magnitude }
}

fn encode(sample: i16) -> u8 {
    let biased = sample.unsigned_abs().min(32_635) + 132;
    let exponent = (15 - biased.leading_zeros() as u8).saturating_sub(7);
    let mantissa = ((biased >> (exponent + 3)) & 0x0f) as u8;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (exponent << 4) | mantissa)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_are_those_of_the_standard() {
        assert_eq!((encode(0), encode(-1), encode(32_767), encode(-32_768)), (0xff, 0x7f, 0x80, 0x00));
        assert_eq!((decode(0xff), decode(0x80), decode(0x00)), (0, 32_124, -32_124));
    }

    #[test]
    fn every_code_survives_the_way_there_and_back() {
        for code in (0..=255).filter(|code| *code != 0x7f) {
            assert_eq!(encode(decode(code)), code);
        }
    }
}
