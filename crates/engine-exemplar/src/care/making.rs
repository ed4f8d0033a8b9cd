//! Care under way: one frame after another, each as files in the order's work folder.

use heirloom_engine::local::{Control, Stop};
use heirloom_engine::{DraftFile, Failure, Order, TakeFrames};
use heirloom_film::Size;
use heirloom_picture::care::{Deflicker, DeflickerOptions, Denoise, DenoiseOptions, Gains};
use heirloom_picture::{Image, exr};

use super::detail::{Found, Search, carried, enlarge, own_places};
use super::exemplars::Exemplars;
use super::take::{FRAME, Facts, LIGHT};
use super::wish::Wish;
use crate::codec::{decode_map, encode_map, encode_weight, intact};
use crate::map::{CoordinateMap, Origin};
use crate::take::{MAP, WEIGHT, Work};

/// Makes all frames that are not there yet; the files of all, and what the manifest says besides.
///
/// # Errors
/// The take can not be read, the disk is full, or it was told to stop.
pub fn make(
    order: &Order,
    wish: &Wish,
    take: &dyn TakeFrames,
    control: &Control,
) -> Result<(Vec<DraftFile>, Facts), Stop> {
    let request = &order.request;
    let work = Work::new(&order.work);
    let check = || control.check();
    let (from, to) = (take.size(), request.size);
    let exemplars = match wish.upscale.is_some() && wish.detail > 0.0 {
        true => Exemplars::of(&wish.photographs, take, &order.inputs, (from, to), &check)?,
        false => Exemplars::default(),
    };
    let roles = roles(wish, &exemplars);
    let options = DeflickerOptions {
        strength: wish.deflicker,
        ..DeflickerOptions::default()
    };
    let mut under_way = UnderWay {
        wish,
        take,
        control,
        work: &work,
        exemplars: &exemplars,
        steady: Deflicker::new(request.frames, options),
        quiet: Denoise::new(
            request.frames,
            DenoiseOptions {
                strength: wish.denoise,
                grain: wish.grain,
                seed: request.seed,
            },
        ),
        before: None,
        seed: request.seed,
        to,
    };
    let mut files = Vec::new();
    for n in 0..request.frames {
        control.check()?;
        if !is_done(&work, n, &roles) {
            under_way.frame(n)?;
        }
        files.extend(roles.iter().map(|role| DraftFile {
            role: (*role).into(),
            frame: Some(n),
            path: work.file(role, n),
        }));
        control.progress(n + 1, request.frames);
    }
    let facts = Facts {
        of: wish.take,
        detail: exemplars.facts,
    };
    Ok((files, facts))
}

/// The files of each frame, the one that says that it is finished last.
fn roles(wish: &Wish, exemplars: &Exemplars) -> Vec<&'static str> {
    let mut roles = Vec::new();
    if wish.deflicker > 0.0 {
        roles.push(LIGHT);
    }
    if !exemplars.list.is_empty() {
        roles.extend([MAP, WEIGHT]);
    }
    if wish.upscale.is_some() || wish.denoise > 0.0 {
        roles.push(FRAME);
    }
    roles
}

/// Whether a frame's files are there from before, and whole. Pictures are written whole or not at all.
fn is_done(work: &Work<'_>, n: u32, roles: &[&str]) -> bool {
    roles.iter().all(|role| match *role {
        FRAME => work.file(role, n).exists(),
        LIGHT => std::fs::read(work.file(role, n)).is_ok_and(|bytes| Gains::decode(&bytes).is_some()),
        _ => std::fs::read(work.file(role, n)).is_ok_and(|bytes| intact(&bytes)),
    })
}

struct UnderWay<'a> {
    wish: &'a Wish,
    take: &'a dyn TakeFrames,
    control: &'a Control,
    work: &'a Work<'a>,
    exemplars: &'a Exemplars,
    steady: Deflicker,
    quiet: Denoise,
    /// The frame before, mended and of the take's own size, and the places of what is fine in it.
    before: Option<(u32, Image, Vec<Origin>)>,
    seed: u64,
    to: Size,
}

impl UnderWay<'_> {
    /// A frame at the take's own size, its flicker and noise taken off.
    fn mended(&mut self, n: u32) -> Result<Image, Stop> {
        let Self {
            wish,
            take,
            control,
            work,
            steady,
            quiet,
            ..
        } = self;
        let mut lit = |at: u32| -> Result<Image, Stop> {
            control.check()?;
            if wish.deflicker <= 0.0 {
                return Ok(take.frame(at)?);
            }
            let gains = gains(steady, *take, control, work, at)?;
            Ok(gains.apply(&take.frame(at)?))
        };
        match wish.denoise > 0.0 {
            true => quiet.frame(n, &mut lit),
            false => lit(n),
        }
    }

    fn frame(&mut self, n: u32) -> Result<(), Stop> {
        if self.wish.upscale.is_none() && self.wish.denoise <= 0.0 {
            gains(&mut self.steady, self.take, self.control, self.work, n)?;
            return Ok(());
        }
        let frame = self.mended(n)?;
        self.control.check()?;
        let Size { width, height } = self.to;
        let large = if self.exemplars.list.is_empty() {
            // At its own size it is the frame itself.
            heirloom_picture::resample::lanczos(&frame, width, height)
        } else {
            let found = self.found(n, &frame)?;
            self.control.check()?;
            let large = enlarge(&frame, &found, self.exemplars, width, height);
            self.before = Some((n, frame, found.places));
            large
        };
        self.control.check()?;
        let path = self.work.file(FRAME, n);
        let unwritten = |e: String| Failure::passing("disk", e);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| {
                unwritten(format!(
                    "{} could not be made ({e}); make room on that disk and try again",
                    folder.display()
                ))
            })?;
        }
        exr::write(&path, &large, exr::Depth::Half).map_err(|e| unwritten(e.to_string()))?;
        Ok(())
    }

    /// The places of what is fine in a frame, written as its map and weights.
    fn found(&mut self, n: u32, frame: &Image) -> Result<Found, Stop> {
        let before = match self.before.take() {
            Some((at, image, places)) if at + 1 == n => Some((image, places)),
            _ if n > 0 => self.kept(n - 1)?,
            _ => None,
        };
        let search = Search::new(self.exemplars, frame, self.seed);
        let brought = before.map(|(image, places)| carried(&search, &places, &image, frame));
        let own = self.own(n)?;
        self.control.check()?;
        let control = self.control;
        let places = search.find(brought.as_deref(), &own, &|| control.cancelled());
        self.control.check()?;
        let found = search.weigh(places, self.wish.detail);
        let fault = |e: String| Failure::lasting("take", e);
        let (w, h) = (frame.width(), frame.height());
        let map = CoordinateMap::new(w, h, found.places.clone())
            .ok_or_else(|| fault("a frame has no pixels".into()))?;
        self.work
            .write(MAP, n, &encode_map(&map).map_err(|e| fault(e.to_string()))?)?;
        let weight = encode_weight(w, h, &found.amount).map_err(|e| fault(e.to_string()))?;
        self.work.write(WEIGHT, n, &weight)?;
        Ok(found)
    }

    /// A frame that was finished earlier, and its places.
    fn kept(&mut self, n: u32) -> Result<Option<(Image, Vec<Origin>)>, Stop> {
        let map = std::fs::read(self.work.file(MAP, n))
            .ok()
            .and_then(|bytes| decode_map(&bytes).ok());
        let Some(map) = map else {
            return Err(Failure::passing(
                "work",
                "a frame in the work folder has just become unreadable; try again",
            )
            .into());
        };
        Ok(Some((self.mended(n)?, map.origins().to_vec())))
    }

    /// Where the pixels of a frame come from, in the photographs.
    fn own(&self, n: u32) -> Result<Vec<Option<Origin>>, Failure> {
        let size = self.take.size();
        let mut heaviest = vec![None; size.width as usize * size.height as usize];
        self.take.each_origin(n, &mut |x, y, origins| {
            let most = origins.iter().max_by(|a, b| a.weight.total_cmp(&b.weight));
            if let Some(place) = heaviest.get_mut(y as usize * size.width as usize + x as usize) {
                *place = most.cloned();
            }
        })?;
        Ok(own_places(self.exemplars, &heaviest))
    }
}

/// The gains of a frame, from before or found and written now.
fn gains(
    steady: &mut Deflicker,
    take: &dyn TakeFrames,
    control: &Control,
    work: &Work<'_>,
    n: u32,
) -> Result<Gains, Stop> {
    let kept = std::fs::read(work.file(LIGHT, n)).ok();
    if let Some(gains) = kept.and_then(|bytes| Gains::decode(&bytes)) {
        return Ok(gains);
    }
    let gains = steady.gains(n, &mut |at| {
        control.check()?;
        take.frame(at).map_err(Stop::from)
    })?;
    work.write(LIGHT, n, &gains.encode())?;
    Ok(gains)
}
