//! Every number of a take by its name: what limits in a film file are written in, and what tables show.

use super::Measures;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More.
    More,
    /// Less.
    Less,
    /// Neither: it says what a take is, not how good.
    Neither,
}

/// A number that takes are measured by.
#[derive(Clone, Copy)]
pub struct Named {
    /// Its name, as it stands in the measures' JSON.
    pub name: &'static str,
    /// Its unit; empty for a plain ratio.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
    /// What it is, in a few words.
    pub what: &'static str,
    read: fn(&Measures) -> Option<f64>,
}

impl Named {
    /// Its value in a take's measures.
    pub fn of(&self, measures: &Measures) -> Option<f64> {
        (self.read)(measures).filter(|v| v.is_finite())
    }
}

impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.unit)
    }
}

macro_rules! named {
    ($($part:ident . $field:ident $kind:ident $unit:literal $better:ident $what:literal;)*) => {
        /// All numbers, in the order of tables.
        pub const NAMED: &[Named] = &[$(Named {
            name: concat!(stringify!($part), ".", stringify!($field)),
            unit: $unit,
            better: Better::$better,
            what: $what,
            read: |m| named!(@read $kind m $part $field),
        }),*];
    };
    // Always there, perhaps there, or there in a part that is perhaps there.
    (@read plain $m:ident $part:ident $field:ident) => { Some(f64::from($m.$part.$field)) };
    (@read maybe $m:ident $part:ident $field:ident) => { $m.$part.$field };
    (@read part $m:ident $part:ident $field:ident) => { $m.$part.and_then(|p| p.$field) };
    (@read shared $m:ident $part:ident $field:ident) => { $m.$part.as_ref().and_then(|p| p.$field) };
    (@read copied $m:ident $part:ident $field:ident) => { $m.$part.map(|p| p.$field) };
}

named! {
    sharpness.blur_px maybe "px" Less "radius of the blur of the sharpest parts";
    sharpness.softest_px maybe "px" Less "that of the softest frame";
    sharpness.dip_px maybe "px" Less "by how much the softest moment exceeds what is around it";
    exposure.level_stops maybe "stops" Neither "mean light over mid grey";
    exposure.darkest maybe "" Neither "luma that one pixel in two hundred is below";
    exposure.lightest maybe "" Neither "luma that one pixel in two hundred is above";
    exposure.black_percent maybe "%" Less "pixels lost to black";
    exposure.white_percent maybe "%" Less "pixels lost to white";
    exposure.most_white_percent maybe "%" Less "the same in the frame that has most";
    flicker.frame_percent maybe "%" Less "error of each frame's light";
    flicker.worst_percent maybe "%" Less "the largest such error";
    flicker.beat_percent maybe "%" Less "light without its mean over nine frames";
    flicker.local_percent maybe "%" Less "flicker of single places";
    coherence.warp_error_codes maybe "codes" Less "difference along the motion";
    coherence.worst_warp_error_codes maybe "codes" Less "the same of the worst twentieth";
    coherence.warp_error_ratio maybe "" Less "difference along the motion over contrast";
    coherence.lost_percent maybe "%" Less "textured patches not found again";
    coherence.boil_percent maybe "%" Less "how the motion of places shivers";
    motion.right_percent_s maybe "%/s" Neither "shift to the right";
    motion.down_percent_s maybe "%/s" Neither "shift down";
    motion.grow_percent_s maybe "%/s" Neither "nearing";
    motion.turn_deg_s maybe "deg/s" Neither "turning clockwise";
    motion.speed_percent_s maybe "%/s" Neither "mean speed of what has texture";
    motion.shake_percent maybe "%" Less "unsteadiness of the camera";
    motion.as_asked maybe "" More "correlation with the motion asked for";
    motion.gain maybe "" Neither "how much of the motion asked for is made";
    frozen.repeated_percent plain "%" Less "frames that repeat the one before";
    frozen.frozen_percent plain "%" Less "frames that repeat it or are held";
    frozen.longest_s plain "s" Less "the longest run of these";
    broken.excess_codes plain "codes" Less "how unlike both neighbours the worst place is";
    broken.excess_ratio plain "" Less "the same over what is usual in the take";
    broken.broken_percent plain "%" Less "broken frames";
    broken.plain_percent plain "%" Less "frames all of one colour";
    repetition.returns maybe "" Less "how far it comes back to where it was";
    layout.distance part "" Less "distance from the pictures of the layout";
    layout.farthest part "" Less "that of the farthest frame";
    layout.lighter_stops part "stops" Neither "how much lighter than these";
    style.palette part "" Less "colours not shared with pictures of the style";
    style.tint part "" Less "how far colours of a lightness lie from theirs";
    style.texture part "" Less "how far texture lies from theirs";
    drift.mean part "" Less "distance from the fitted style";
    drift.farthest part "" Less "that of the farthest frame";
    likeness.distance shared "" Less "distance of a subject from its pictures";
    likeness.farthest shared "" Less "that of the farthest frame";
    likeness.change shared "" Less "distance of a subject from how it was at first";
    likeness.lost_percent shared "%" Less "frames in which a subject is lost";
    faces.most copied "" Less "faces in the frame that has most";
    faces.surest part "" Less "how sure the surest face is";
    faces.largest_percent part "%" Less "the largest face";
    faces.at_s part "s" Neither "when the surest face is seen";
    verbatim.largest_percent copied "%" Less "largest piece copied as it is";
    verbatim.piece_px copied "px" Less "mean size of such pieces";
    stage.camera_error_ratio part "" Less "error of motion against the stage";
    stage.camera_gain part "" Neither "how much of the stage's motion is made";
    stage.lag_frames part "frames" Neither "late against the stage";
    stage.outlines_placed part "" More "outlines where the stage has them";
    stage.light_angle_deg part "deg" Less "light from elsewhere than on the stage";
}

impl Measures {
    /// A number by its [name](Named::name); none where the take has it not, or there is no such name.
    pub fn value(&self, name: &str) -> Option<f64> {
        NAMED.iter().find(|n| n.name == name)?.of(self)
    }
}
