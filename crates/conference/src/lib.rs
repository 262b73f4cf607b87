//! Decides, from commands and reports, who is in a call, who hears whom, and what must be done next.
//!
//! Pure: no socket, no clock, no task, no log. Time comes in as a [`Moment`], ids come from counters, maps are
//! ordered: the same inputs give the same outputs.
