//! G.711: the two companding laws of the telephone network, by tables that the compiler makes (ITU-T G.711, tables 1 and 2).
//!
//! Samples are 16 bits wide: the 14-bit values of µ-law are shifted left by two, the 13-bit values of A-law by three.
//! A sample on a decision value goes to the interval farther from zero, on both sides alike.

/// Decoded value of every µ-law byte.
pub static ULAW_TO_LINEAR: [i16; 256] = ulaw_table();

/// Decoded value of every A-law byte.
pub static ALAW_TO_LINEAR: [i16; 256] = alaw_table();

/// µ-law byte of a magnitude divided by four, sign bit as for a positive sample.
static LINEAR_TO_ULAW: [u8; 8192] = ulaw_codes();

/// A-law byte of a magnitude divided by sixteen, sign bit as for a positive sample.
static LINEAR_TO_ALAW: [u8; 2048] = alaw_codes();

/// The µ-law byte of the interval in which `sample` lies.
#[must_use]
#[inline]
pub fn encode_ulaw(sample: i16) -> u8 {
    let code = LINEAR_TO_ULAW[usize::from(magnitude(sample) >> 2)];
    // Zero has one code on this side: 0xFF. 0x7F, the negative zero, is decoded but never sent.
    if sample <= -4 { code & 0x7F } else { code }
}

/// The A-law byte of the interval in which `sample` lies.
#[must_use]
#[inline]
pub fn encode_alaw(sample: i16) -> u8 {
    let code = LINEAR_TO_ALAW[usize::from(magnitude(sample) >> 4)];
    if sample < 0 { code & 0x7F } else { code }
}

/// The distance from zero, with -32768 counted as -32767.
#[inline]
fn magnitude(sample: i16) -> u16 {
    sample.unsigned_abs().min(32_767)
}

const fn ulaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let code = !(byte as u8);
        let (segment, step) = ((code >> 4) & 7, (code & 15) as i16);
        let magnitude = (((step << 3) + 0x84) << segment) - 0x84;
        table[byte] = if code & 0x80 == 0 { magnitude } else { -magnitude };
        byte += 1;
    }
    table
}

const fn alaw_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let code = byte as u8 ^ 0x55;
        let (segment, step) = ((code >> 4) & 7, (code & 15) as i16);
        let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
        table[byte] = if code & 0x80 == 0 { -magnitude } else { magnitude };
        byte += 1;
    }
    table
}

const fn ulaw_codes() -> [u8; 8192] {
    let mut codes = [0; 8192];
    let mut value = 0;
    while value < 8192 {
        // Bias 33 makes every segment start at a power of two; 8158 is the highest decision value below overload.
        let biased = if value > 8158 { 8191 } else { value as u32 + 33 };
        let segment = 26 - biased.leading_zeros();
        let step = (biased >> (segment + 1)) & 15;
        codes[value] = !((segment << 4 | step) as u8) | 0x80;
        value += 1;
    }
    codes
}

const fn alaw_codes() -> [u8; 2048] {
    let mut codes = [0; 2048];
    let mut value = 0;
    while value < 2048 {
        let wide = value as u32;
        let (segment, step) = if wide < 32 {
            (wide >> 4, wide & 15)
        } else {
            let segment = 28 - wide.leading_zeros();
            (segment, (wide >> (segment - 1)) & 15)
        };
        codes[value] = ((segment << 4 | step) as u8 | 0x80) ^ 0x55;
        value += 1;
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G.711 table 2a, the decision values of µ-law, here for 16-bit samples: eight segments of steps twice as wide each.
    fn ulaw_decisions() -> Vec<i32> {
        let mut decisions = vec![0, 1];
        for segment in 0..8_u32 {
            for _ in 0..if segment == 0 { 15 } else { 16 } {
                decisions.push(decisions[decisions.len() - 1] + (2 << segment));
            }
        }
        assert_eq!((decisions.len(), decisions[128]), (129, 8159));
        decisions.into_iter().map(|d| d * 4).collect()
    }

    /// G.711 table 1a, those of A-law: the two segments around zero have one slope.
    fn alaw_decisions() -> Vec<i32> {
        let mut decisions = vec![0];
        for segment in 0..8_u32 {
            for _ in 0..16 {
                decisions.push(decisions[decisions.len() - 1] + (2 << segment.saturating_sub(1)));
            }
        }
        assert_eq!((decisions.len(), decisions[128]), (129, 4096));
        decisions.into_iter().map(|d| d * 8).collect()
    }

    /// A character signal stands for the middle of its interval; µ-law's first one for zero.
    fn ulaw_by_definition(n: usize) -> i16 {
        let decisions = ulaw_decisions();
        if n == 0 { 0 } else { ((decisions[n] + decisions[n + 1]) / 2) as i16 }
    }

    fn alaw_by_definition(n: usize) -> i16 {
        let decisions = alaw_decisions();
        ((decisions[n] + decisions[n + 1]) / 2) as i16
    }

    #[test]
    fn every_code_decodes_as_the_recommendation_says() {
        for n in 0..128_usize {
            let byte = n as u8;
            assert_eq!(ULAW_TO_LINEAR[usize::from(!byte)], ulaw_by_definition(n), "µ-law step {n}");
            assert_eq!(ULAW_TO_LINEAR[usize::from(!byte & 0x7F)], -ulaw_by_definition(n), "µ-law step -{n}");
            assert_eq!(ALAW_TO_LINEAR[usize::from((byte | 0x80) ^ 0x55)], alaw_by_definition(n), "A-law step {n}");
            assert_eq!(ALAW_TO_LINEAR[usize::from(byte ^ 0x55)], -alaw_by_definition(n), "A-law step -{n}");
        }
        assert_eq!(ULAW_TO_LINEAR[0x00], -32_124);
        assert_eq!(ALAW_TO_LINEAR[0x2A], -32_256);
    }

    #[test]
    fn decoding_and_encoding_again_changes_nothing() {
        for byte in 0..=255_u8 {
            let again = encode_ulaw(ULAW_TO_LINEAR[usize::from(byte)]);
            assert_eq!(again, if byte == 0x7F { 0xFF } else { byte });
            assert_eq!(encode_alaw(ALAW_TO_LINEAR[usize::from(byte)]), byte);
        }
    }

    #[test]
    fn every_sample_goes_to_the_interval_it_lies_in() {
        let step = |decisions: &[i32], sample: i16| {
            let below = decisions.partition_point(|d| *d <= i32::from(sample).abs());
            (below - 1).min(127) as u8
        };
        let (ulaw, alaw) = (ulaw_decisions(), alaw_decisions());
        for sample in i16::MIN..=i16::MAX {
            let n = step(&ulaw, sample);
            let code = if sample < 0 && n > 0 { !n & 0x7F } else { !n };
            assert_eq!(encode_ulaw(sample), code, "µ-law of {sample}");
            let n = step(&alaw, sample);
            let code = if sample < 0 { n ^ 0x55 } else { (n | 0x80) ^ 0x55 };
            assert_eq!(encode_alaw(sample), code, "A-law of {sample}");
        }
    }
}
