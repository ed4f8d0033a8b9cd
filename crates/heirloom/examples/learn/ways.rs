//! Camera moves by chance: where in its shot a clip begins, how the camera stands beside the shot's own, and how it moves.

use heirloom_engine_diffusion::noise::Noise;
use heirloom_film::{Ease, Move, MoveKind, Spot};

/// Frames of a clip.
pub const FRAMES: u32 = 5;
/// Frames of a way that is learned from: each of its runs of [`FRAMES`] is a clip, for rendering takes longer than learning.
pub const LONG: u32 = 9;
/// How near a way may come to one that is held out, in its parts from -1 to 1: nearer ones are drawn again.
pub const APART: f64 = 0.2;

/// A move during the clip, without its amount.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Dolly,
    Truck,
    Pedestal,
    Pan,
    Roll,
    /// Round a place, in metres.
    Orbit([f64; 3]),
}

/// How far ways of one shot may go: where they begin, and in four steps of a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// The shot's name.
    pub shot: &'static str,
    /// Frames of the film from one frame of a clip to the next.
    pub every: u32,
    /// From and to, in metres: right, up, ahead of where the shot's own camera stands; in degrees: to the right, up.
    pub beside: [[f64; 2]; 5],
    /// Moves, with the most of each, metres or degrees.
    pub moves: &'static [(Kind, f64)],
}

/// The demo film's blocked shots.
pub static REACHES: [Reach; 2] = [
    // A descent through layers: the shot's own camera turns fast already.
    Reach {
        shot: "030",
        every: 1,
        beside: [
            [-0.5, 0.5],
            [-0.4, 0.4],
            [-0.5, 0.5],
            [-40.0, 40.0],
            [-15.0, 20.0],
        ],
        moves: &[
            (Kind::Dolly, 0.5),
            (Kind::Truck, 0.4),
            (Kind::Pedestal, 0.4),
            (Kind::Pan, 20.0),
            (Kind::Roll, 14.0),
            (Kind::Orbit([0.0, -2.0, 0.0]), 16.0),
        ],
    },
    // A raft before the moon: the camera holds the moon.
    Reach {
        shot: "040",
        every: 6,
        beside: [[-2.5, 2.0], [-0.4, 3.0], [0.0, 9.0], [-9.0, 12.0], [-7.0, 1.0]],
        moves: &[
            (Kind::Dolly, 2.5),
            (Kind::Truck, 1.8),
            (Kind::Pedestal, 1.6),
            (Kind::Pan, 9.0),
            (Kind::Roll, 8.0),
            (Kind::Orbit([-1.4, 0.0, -6.0]), 14.0),
        ],
    },
];

/// A way of the camera through a clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way {
    /// Which of [`REACHES`].
    pub set: usize,
    /// Which of its moves.
    pub kind: usize,
    /// Frames at which it is looked at.
    pub frames: u32,
    /// From -1 to 1: when it begins, right, up, ahead, turned right, turned up, how much it moves.
    pub parts: [f64; 7],
}

impl Way {
    fn draw(set: usize, frames: u32, chance: &mut Noise) -> Self {
        let moves = REACHES[set].moves.len();
        let kind = ((chance.uniform() * moves as f64) as usize).min(moves - 1);
        Self {
            set,
            kind,
            frames,
            parts: std::array::from_fn(|_| 2.0 * chance.uniform() - 1.0),
        }
    }

    /// The most that any part of two ways differs by; ways of different shots are infinitely far apart. How much it moves
    /// counts only for moves of one kind.
    pub fn apart(&self, other: &Self) -> f64 {
        if self.set != other.set {
            return f64::INFINITY;
        }
        let counted = if self.kind == other.kind { 7 } else { 6 };
        let pairs = self.parts.iter().zip(&other.parts).take(counted);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// Frames of the film from its first to its last.
    fn length(&self) -> u32 {
        (self.frames - 1) * REACHES[self.set].every
    }

    /// The frame of the shot at which it begins, in a shot of so many frames.
    pub fn start(&self, frames: u32) -> u32 {
        let last = frames.saturating_sub(self.length());
        (f64::from(last) * (self.parts[0] + 1.0) / 2.0) as u32
    }

    /// The moves that make it of the shot's own camera.
    pub fn moves(&self, frames: u32) -> Vec<Move> {
        let reach = &REACHES[self.set];
        let first = self.start(frames);
        let last = first + self.length();
        let one = |kind, last_frame| Move {
            kind,
            first_frame: first,
            last_frame,
            ease: Ease::Linear,
        };
        let [right_m, up_m, in_m, right_deg, up_deg] = std::array::from_fn(|i| {
            let [from, to] = reach.beside[i];
            from + (to - from) * (self.parts[i + 1] + 1.0) / 2.0
        });
        let (kind, most) = reach.moves[self.kind];
        // At one pace, however long it is.
        let amount = most * self.parts[6] * f64::from(self.frames - 1) / f64::from(FRAMES - 1);
        // A move that ends where it begins is done at once.
        vec![
            one(MoveKind::Truck { right_m }, first),
            one(MoveKind::Pedestal { up_m }, first),
            one(MoveKind::Dolly { in_m }, first),
            one(MoveKind::Pan { right_deg }, first),
            one(MoveKind::Tilt { up_deg }, first),
            one(
                match kind {
                    Kind::Dolly => MoveKind::Dolly { in_m: amount },
                    Kind::Truck => MoveKind::Truck { right_m: amount },
                    Kind::Pedestal => MoveKind::Pedestal { up_m: amount },
                    Kind::Pan => MoveKind::Pan { right_deg: amount },
                    Kind::Roll => MoveKind::Roll { right_deg: amount },
                    Kind::Orbit(at) => MoveKind::Orbit {
                        right_deg: amount,
                        round: Some(Spot::Place(at)),
                    },
                },
                last,
            ),
        ]
    }
}

/// Ways to learn from and ways held out.
#[derive(Debug, Clone, PartialEq)]
pub struct Ways {
    /// Learned from.
    pub learned: Vec<Way>,
    /// Never learned from.
    pub held_out: Vec<Way>,
}

impl Ways {
    /// So many of each for every shot, by chance of this seed.
    pub fn draw(learned: usize, held_out: usize, seed: u64) -> Self {
        let mut ways = Self {
            learned: Vec::new(),
            held_out: Vec::new(),
        };
        for (set, reach) in REACHES.iter().enumerate() {
            let mut chance = Noise::new(&format!("ways held out of {}", reach.shot), seed);
            ways.held_out
                .extend((0..held_out).map(|_| Way::draw(set, FRAMES, &mut chance)));
        }
        for (set, reach) in REACHES.iter().enumerate() {
            let mut chance = Noise::new(&format!("ways learned of {}", reach.shot), seed);
            while ways.learned.len() < (set + 1) * learned {
                let way = Way::draw(set, LONG, &mut chance);
                if ways.held_out.iter().all(|held| held.apart(&way) >= APART) {
                    ways.learned.push(way);
                }
            }
        }
        ways
    }

    /// For each way held out another of the same shot, each once: whose guides it gets when guides are shuffled.
    pub fn shuffled(&self) -> Vec<usize> {
        let held = &self.held_out;
        (0..held.len())
            .map(|n| {
                let of_set: Vec<usize> = (0..held.len()).filter(|i| held[*i].set == held[n].set).collect();
                let place = of_set.iter().position(|i| *i == n).unwrap_or(0);
                of_set[(place + of_set.len() / 2).max(place + 1) % of_set.len()]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_out_is_not_learned_from() {
        let ways = Ways::draw(300, 6, 1);
        assert_eq!((ways.learned.len(), ways.held_out.len()), (600, 12));
        for held in &ways.held_out {
            assert!(ways.learned.iter().all(|way| way.apart(held) >= APART));
        }
        assert_eq!(ways, Ways::draw(300, 6, 1));
        assert_ne!(ways, Ways::draw(300, 6, 2));
    }

    #[test]
    fn shuffled_guides_are_those_of_another_way_through_the_same_shot() {
        let ways = Ways::draw(1, 5, 1);
        let shuffled = ways.shuffled();
        for (n, other) in shuffled.iter().enumerate() {
            assert_ne!(n, *other);
            assert_eq!(ways.held_out[n].set, ways.held_out[*other].set);
            assert_ne!(ways.held_out[n].moves(96), ways.held_out[*other].moves(96));
        }
        let mut each = shuffled;
        each.sort_unstable();
        assert_eq!(each, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_way_stays_within_its_shot() {
        let ways = Ways::draw(200, 1, 3);
        for way in &ways.learned {
            let reach = &REACHES[way.set];
            let last = way.moves(84).iter().map(|one| one.last_frame).max().unwrap();
            assert_eq!(last, way.start(84) + 8 * reach.every);
            assert!(last <= 84);
        }
    }
}
