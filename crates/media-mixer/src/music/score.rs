//! "Waiting room": the piece of this house, written for Baton. 24 bars in F, four beats of 750 ms each, three parts of eight bars.
//!
//! Only what is to be played; how it sounds is the business of `compose`. Pitches are MIDI note numbers (60 is middle C), times
//! within a bar are eighths. It ends on the dominant, so that its beginning is its resolution.

/// One bar: the chord of the pad and the figure, the bass, and the melody as (eighth, pitch, length in eighths).
pub(super) struct Bar {
    pub(super) bass: u8,
    pub(super) chord: [u8; 4],
    pub(super) melody: &'static [(u8, u8, u8)],
}

/// Which note of the chord, and how many octaves above it, each eighth of the accompanying figure plays.
pub(super) const FIGURES: [[(usize, u8); 8]; 3] = [
    [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (3, 0), (2, 0), (1, 0)],
    [(0, 0), (2, 0), (1, 0), (3, 0), (2, 0), (0, 1), (3, 0), (2, 0)],
    [(0, 0), (2, 0), (3, 0), (1, 1), (0, 1), (3, 0), (2, 0), (3, 0)],
];

const F_MAJOR_7: [u8; 4] = [60, 64, 65, 69];
const D_MINOR_7: [u8; 4] = [60, 62, 65, 69];
const B_FLAT_MAJOR_7: [u8; 4] = [58, 62, 65, 69];
const C_ADD_9: [u8; 4] = [60, 62, 64, 67];
const A_MINOR_7: [u8; 4] = [57, 60, 64, 67];
const G_MINOR_7: [u8; 4] = [58, 62, 65, 67];
const C_SUSPENDED: [u8; 4] = [58, 60, 65, 67];
const C_7: [u8; 4] = [58, 60, 64, 67];

const fn bar(bass: u8, chord: [u8; 4], melody: &'static [(u8, u8, u8)]) -> Bar {
    Bar { bass, chord, melody }
}

/// The whole piece.
pub(super) const BARS: [Bar; 24] = [
    // First part: the tune.
    bar(53, F_MAJOR_7, &[(0, 81, 3), (3, 79, 1), (4, 77, 4)]),
    bar(50, D_MINOR_7, &[(1, 74, 1), (2, 77, 2), (4, 76, 4)]),
    bar(46, B_FLAT_MAJOR_7, &[(0, 74, 3), (3, 77, 1), (4, 81, 3)]),
    bar(48, C_ADD_9, &[(0, 79, 5), (6, 76, 1), (7, 77, 1)]),
    bar(45, A_MINOR_7, &[(0, 79, 3), (3, 76, 1), (4, 72, 4)]),
    bar(50, D_MINOR_7, &[(1, 74, 1), (2, 76, 1), (3, 77, 1), (4, 81, 4)]),
    bar(55, G_MINOR_7, &[(0, 82, 3), (3, 81, 1), (4, 79, 2), (6, 77, 2)]),
    bar(48, C_SUSPENDED, &[(0, 79, 6)]),
    // Second part: the tune answered from above.
    bar(53, F_MAJOR_7, &[(0, 84, 3), (3, 81, 1), (4, 79, 2), (6, 77, 2)]),
    bar(50, D_MINOR_7, &[(1, 77, 1), (2, 79, 1), (3, 81, 1), (4, 76, 4)]),
    bar(46, B_FLAT_MAJOR_7, &[(0, 77, 2), (2, 81, 2), (4, 86, 4)]),
    bar(48, C_ADD_9, &[(0, 84, 4), (5, 79, 1), (6, 81, 2)]),
    bar(45, A_MINOR_7, &[(0, 79, 2), (2, 84, 2), (4, 81, 1), (5, 79, 3)]),
    bar(50, D_MINOR_7, &[(0, 81, 3), (3, 77, 1), (4, 74, 4)]),
    bar(55, G_MINOR_7, &[(1, 77, 1), (2, 79, 1), (3, 82, 1), (4, 81, 2), (6, 79, 2)]),
    bar(48, C_7, &[(0, 76, 6), (7, 77, 1)]),
    // Third part: quieter, wandering, back to where it began.
    bar(46, B_FLAT_MAJOR_7, &[(0, 77, 4), (4, 74, 2), (6, 77, 2)]),
    bar(45, A_MINOR_7, &[(0, 76, 4), (4, 72, 4)]),
    bar(55, G_MINOR_7, &[(0, 74, 2), (2, 77, 2), (4, 82, 4)]),
    bar(53, F_MAJOR_7, &[(0, 81, 6), (6, 79, 2)]),
    bar(50, D_MINOR_7, &[(0, 77, 3), (3, 76, 1), (4, 74, 4)]),
    bar(55, G_MINOR_7, &[(0, 79, 3), (3, 77, 1), (4, 74, 2), (6, 70, 2)]),
    bar(48, C_SUSPENDED, &[(0, 72, 2), (2, 74, 2), (4, 77, 4)]),
    bar(48, C_7, &[(0, 76, 4), (5, 76, 1), (6, 77, 1), (7, 79, 1)]),
];
