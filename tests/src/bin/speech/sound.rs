//! Speech in files.

use std::path::Path;

use softphone::Recording;

/// The same speech at every rate. It is kept until the program ends.
///
/// # Errors
/// A file is missing, or no WAV of 16 bits.
pub(crate) fn read(folder: &Path) -> Result<&'static Recording, hound::Error> {
    let samples = |rate: u32| -> Result<Vec<i16>, hound::Error> {
        hound::WavReader::open(folder.join(format!("speech-{rate}.wav")))?.samples::<i16>().collect()
    };
    let recording = Recording { narrow: samples(8_000)?, wide: samples(16_000)?, full: samples(48_000)? };
    Ok(Box::leak(Box::new(recording)))
}

/// Writes samples of 8 kHz.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, samples: &[i16]) -> Result<(), hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()
}
