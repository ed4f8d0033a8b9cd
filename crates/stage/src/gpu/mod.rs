mod adapter;
mod geometry;
mod pipelines;
mod slot;
mod surface;
