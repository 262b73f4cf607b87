//! Scenario helpers: a house (the daemon on free ports), phones and ears.
