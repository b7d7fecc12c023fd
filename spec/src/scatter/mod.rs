#![doc = include_str!("../../scatter.md")]

mod shape;

pub use shape::{Shape, ShapeRefused};
