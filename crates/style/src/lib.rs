//! A style made from sources: a grade, exemplars, and drift from it as a number.

pub mod drift;
mod exemplars;
pub mod grade;
pub mod lut;
pub mod make;
pub mod style;
pub mod training;
