//! Every tensor of the autoencoder.

use super::VaeConfig;
use crate::weights::Expected;

pub(super) struct List(Vec<Expected>);

impl List {
    fn one(&mut self, name: &str, original: &str, shape: &[u64]) {
        self.0.push(Expected {
            name: name.into(),
            original: original.into(),
            shape: shape.to_vec(),
        });
    }

    /// A convolution's weight and bias; `size` is its kernel.
    pub(super) fn conv(&mut self, name: &str, original: &str, out: u64, channels: u64, size: &[u64]) {
        let shape: Vec<u64> = [out, channels].iter().chain(size).copied().collect();
        self.one(&format!("{name}.weight"), &format!("{original}.weight"), &shape);
        self.one(&format!("{name}.bias"), &format!("{original}.bias"), &[out]);
    }

    /// Norm, convolution, norm, convolution, and a straight way past them where the channels change.
    pub(super) fn residual(&mut self, name: &str, original: &str, channels: u64, out: u64) {
        self.one(
            &format!("{name}.norm1.gamma"),
            &format!("{original}.residual.0.gamma"),
            &[channels, 1, 1, 1],
        );
        self.conv(
            &format!("{name}.conv1"),
            &format!("{original}.residual.2"),
            out,
            channels,
            &[3, 3, 3],
        );
        self.one(
            &format!("{name}.norm2.gamma"),
            &format!("{original}.residual.3.gamma"),
            &[out, 1, 1, 1],
        );
        self.conv(
            &format!("{name}.conv2"),
            &format!("{original}.residual.6"),
            out,
            out,
            &[3, 3, 3],
        );
        if channels != out {
            self.conv(
                &format!("{name}.conv_shortcut"),
                &format!("{original}.shortcut"),
                out,
                channels,
                &[1, 1, 1],
            );
        }
    }

    /// What stands between the levels and the output: residual, attention in the frame, residual.
    fn middle(&mut self, side: &str, channels: u64) {
        let (name, original) = (format!("{side}.mid_block"), format!("{side}.middle"));
        self.residual(
            &format!("{name}.resnets.0"),
            &format!("{original}.0"),
            channels,
            channels,
        );
        let (attention, middle) = (format!("{name}.attentions.0"), format!("{original}.1"));
        self.one(
            &format!("{attention}.norm.gamma"),
            &format!("{middle}.norm.gamma"),
            &[channels, 1, 1],
        );
        self.conv(
            &format!("{attention}.to_qkv"),
            &format!("{middle}.to_qkv"),
            3 * channels,
            channels,
            &[1, 1],
        );
        self.conv(
            &format!("{attention}.proj"),
            &format!("{middle}.proj"),
            channels,
            channels,
            &[1, 1],
        );
        self.residual(
            &format!("{name}.resnets.1"),
            &format!("{original}.2"),
            channels,
            channels,
        );
    }

    fn end(&mut self, side: &str, channels: u64, out: u64) {
        self.one(
            &format!("{side}.norm_out.gamma"),
            &format!("{side}.head.0.gamma"),
            &[channels, 1, 1, 1],
        );
        self.conv(
            &format!("{side}.conv_out"),
            &format!("{side}.head.2"),
            out,
            channels,
            &[3, 3, 3],
        );
    }
}

impl VaeConfig {
    /// Every tensor that this autoencoder has, with its shape and both its names.
    ///
    /// The original modules are one long list on each side. diffusers keeps the encoder's list and groups the decoder's
    /// into levels; where there is a way around each level, the original has levels too.
    pub fn expected(&self) -> Vec<Expected> {
        let mut list = List(Vec::new());
        let z = self.z_dim;
        list.conv("quant_conv", "conv1", 2 * z, 2 * z, &[1, 1, 1]);
        list.conv("post_quant_conv", "conv2", z, z, &[1, 1, 1]);
        self.encoder(&mut list);
        self.decoder(&mut list);
        list.0
    }

    /// Channels of a level, of the encoder or of the decoder by their base.
    pub(super) fn channels(&self, base: u64, level: usize) -> u64 {
        base * self.dim_mult.get(level).copied().unwrap_or(1)
    }

    fn encoder(&self, list: &mut List) {
        // The first convolution gives `base_dim`, whatever the first level has.
        let mut channels = self.base_dim;
        list.conv(
            "encoder.conv_in",
            "encoder.conv1",
            channels,
            self.in_channels,
            &[3, 3, 3],
        );
        if self.is_residual {
            let channels = self.lower_levels(list);
            list.middle("encoder", channels);
            list.end("encoder", channels, 2 * self.z_dim);
            return;
        }
        let mut place = 0;
        let mut next = || {
            let at = (
                format!("encoder.down_blocks.{place}"),
                format!("encoder.downsamples.{place}"),
            );
            place += 1;
            at
        };
        for level in 0..self.dim_mult.len() {
            let out = self.channels(self.base_dim, level);
            for _ in 0..self.num_res_blocks {
                let (name, original) = next();
                list.residual(&name, &original, channels, out);
                channels = out;
            }
            if let Some(&temporal) = self.temporal_downsample.get(level) {
                let (name, original) = next();
                list.conv(
                    &format!("{name}.resample.1"),
                    &format!("{original}.resample.1"),
                    out,
                    out,
                    &[3, 3],
                );
                if temporal {
                    list.conv(
                        &format!("{name}.time_conv"),
                        &format!("{original}.time_conv"),
                        out,
                        out,
                        &[3, 1, 1],
                    );
                }
            }
        }
        list.middle("encoder", channels);
        list.end("encoder", channels, 2 * self.z_dim);
    }

    fn decoder(&self, list: &mut List) {
        let levels = self.dim_mult.len();
        let mut channels = self.channels(self.decoder_base(), levels - 1);
        list.conv(
            "decoder.conv_in",
            "decoder.conv1",
            channels,
            self.z_dim,
            &[3, 3, 3],
        );
        list.middle("decoder", channels);
        if self.is_residual {
            let channels = self.upper_levels(list);
            list.end("decoder", channels, self.out_channels);
            return;
        }
        let mut place = 0;
        for (up, level) in (0..levels).rev().enumerate() {
            let out = self.channels(self.decoder_base(), level);
            for resnet in 0..=self.num_res_blocks {
                let (name, original) = (
                    format!("decoder.up_blocks.{up}.resnets.{resnet}"),
                    format!("decoder.upsamples.{place}"),
                );
                list.residual(&name, &original, channels, out);
                channels = out;
                place += 1;
            }
            if let Some(&temporal) = level.checked_sub(1).and_then(|l| self.temporal_downsample.get(l)) {
                let (name, original) = (
                    format!("decoder.up_blocks.{up}.upsamplers.0"),
                    format!("decoder.upsamples.{place}"),
                );
                // Doubling the sides halves the channels.
                list.conv(
                    &format!("{name}.resample.1"),
                    &format!("{original}.resample.1"),
                    out / 2,
                    out,
                    &[3, 3],
                );
                if temporal {
                    list.conv(
                        &format!("{name}.time_conv"),
                        &format!("{original}.time_conv"),
                        2 * out,
                        out,
                        &[3, 1, 1],
                    );
                }
                channels = out / 2;
                place += 1;
            }
        }
        list.end("decoder", channels, self.out_channels);
    }
}
