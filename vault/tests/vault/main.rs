//! The vault against an in-memory chain: every refusal, every attack, every way to be interrupted.

mod bucket;
mod chain;
mod copies;
mod crash;
mod emergency;
mod figures;
mod gateway;
mod keeping;
mod load;
mod logs;
mod objects;
mod reads;
mod serving;
mod sessions;
mod uploads;
mod world;
