//! A style made from sources: a grade, exemplars, and drift from it as a number.

pub mod grade;
pub mod lut;
