//! Which failure of several phones is told.

use super::*;

fn best(statuses: &[u16]) -> u16 {
    let mut failures = Failures::default();
    statuses.iter().for_each(|status| failures.note(*status));
    failures.told()
}

#[test]
fn the_best_failure_is_told_whatever_the_order() {
    assert_eq!(best(&[]), 480, "nobody to ring");
    assert_eq!(best(&[480, 486]), 486);
    assert_eq!(best(&[486, 480]), 486);
    assert_eq!(best(&[503, 404]), 404, "the lower class");
    assert_eq!(best(&[486, 302]), 302);
    assert_eq!(best(&[486, 603, 302]), 603, "a 6xx before all");
    assert_eq!(best(&[408, 480]), 480);
    assert_eq!(best(&[486, 484]), 484, "what says how to try again");
    assert_eq!(best(&[401]), 503, "a challenge is not passed on");
}
