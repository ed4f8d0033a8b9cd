//! The tensors of an autoencoder's levels where each has a way around it (Wan 2.2's 5B). The ways around have none.

use super::VaeConfig;
use super::vae::List;

/// A step between levels: its convolution of one frame, and one in time where it changes the frames.
struct Step {
    name: String,
    original: String,
    channels: u64,
    /// Of the convolution in time, where there is one.
    time_out: Option<u64>,
}

impl Step {
    fn listed(&self, list: &mut List) {
        let Self {
            name,
            original,
            channels,
            ..
        } = self;
        let both = |part: &str| (format!("{name}.{part}"), format!("{original}.{part}"));
        let (flat, old) = both("resample.1");
        list.conv(&flat, &old, *channels, *channels, &[3, 3]);
        if let Some(out) = self.time_out {
            let (time, old) = both("time_conv");
            list.conv(&time, &old, out, *channels, &[3, 1, 1]);
        }
    }
}

impl VaeConfig {
    /// The encoder's levels; says how many channels come out of the last.
    pub(super) fn lower_levels(&self, list: &mut List) -> u64 {
        let mut channels = self.base_dim;
        for level in 0..self.dim_mult.len() {
            let out = self.channels(self.base_dim, level);
            let (name, original) = (
                format!("encoder.down_blocks.{level}"),
                format!("encoder.downsamples.{level}.downsamples"),
            );
            for i in 0..self.num_res_blocks {
                let (name, original) = (format!("{name}.resnets.{i}"), format!("{original}.{i}"));
                list.residual(&name, &original, channels, out);
                channels = out;
            }
            if let Some(&temporal) = self.temporal_downsample.get(level) {
                Step {
                    name: format!("{name}.downsampler"),
                    original: format!("{original}.{}", self.num_res_blocks),
                    channels: out,
                    time_out: temporal.then_some(out),
                }
                .listed(list);
            }
        }
        channels
    }

    /// The decoder's levels; says how many channels come out of the last.
    pub(super) fn upper_levels(&self, list: &mut List) -> u64 {
        let levels = self.dim_mult.len();
        let mut channels = self.channels(self.decoder_base(), levels - 1);
        for (up, level) in (0..levels).rev().enumerate() {
            let out = self.channels(self.decoder_base(), level);
            let (name, original) = (
                format!("decoder.up_blocks.{up}"),
                format!("decoder.upsamples.{up}.upsamples"),
            );
            for i in 0..=self.num_res_blocks {
                let (name, original) = (format!("{name}.resnets.{i}"), format!("{original}.{i}"));
                list.residual(&name, &original, channels, out);
                channels = out;
            }
            if let Some(&temporal) = level.checked_sub(1).and_then(|l| self.temporal_downsample.get(l)) {
                Step {
                    name: format!("{name}.upsampler"),
                    original: format!("{original}.{}", self.num_res_blocks + 1),
                    channels: out,
                    time_out: temporal.then_some(2 * out),
                }
                .listed(list);
            }
        }
        channels
    }
}
