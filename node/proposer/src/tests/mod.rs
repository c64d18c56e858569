mod author;
mod batches;
mod chain;
mod filling;
mod pool;
