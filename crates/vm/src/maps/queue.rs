//! Queues and stacks: values without keys, first in first out or last in first out.
//!
//! Values lie in a ring of places behind one lock, as in Linux. The bottom of the ring is the oldest value in both kinds: a full
//! map that is told to make room (`BPF_EXIST`) forgets that one.

use std::sync::PoisonError;

use super::storage::{
    EXIST, Element, ElementKey, Keyless, NOEXIST, Out, Place, Side, Storage, Value, stride,
};
use crate::errno::Errno;
use crate::memory::Block;
use crate::sync::{Mutex, MutexGuard};

/// Which value is next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// The oldest: a queue.
    Fifo,
    /// The newest: a stack.
    Lifo,
}

/// The values that are in the ring.
#[derive(Clone, Copy, Default)]
struct Filled {
    /// The place of the oldest.
    oldest: u32,
    count: u32,
}

/// A queue or a stack.
pub(crate) struct Queue {
    order: Order,
    values: Block,
    value_size: usize,
    max_entries: u32,
    filled: Mutex<Filled>,
}

impl Queue {
    /// Empty.
    pub(crate) fn new(order: Order, value_size: usize, max_entries: u32) -> Queue {
        let values = Block::zeroed(stride(value_size) * max_entries as usize);
        Queue { order, values, value_size, max_entries, filled: Mutex::default() }
    }

    fn filled(&self) -> MutexGuard<'_, Filled> {
        self.filled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of the value that was pushed as the `age`th of those in the ring, from 0 for the oldest.
    fn place(&self, filled: Filled, age: u32) -> Place<'_> {
        let index = (u64::from(filled.oldest) + u64::from(age)) % u64::from(self.max_entries);
        Place { block: &self.values, off: index as usize * stride(self.value_size) }
    }

    /// The age of the value that is next.
    fn next(&self, filled: Filled) -> Option<u32> {
        let newest = filled.count.checked_sub(1)?;
        Some(if self.order == Order::Fifo { 0 } else { newest })
    }

    /// Copies out the value that is next; none is zeros, as Linux leaves them.
    fn copy(&self, filled: Filled, value: Out<'_>) -> Result<(), Errno> {
        match self.next(filled) {
            Some(age) => {
                value.put(self.place(filled, age), self.value_size);
                Ok(())
            }
            None => {
                value.clear(self.value_size);
                Err(Errno::ENOENT)
            }
        }
    }

    fn forget_oldest(&self, filled: &mut Filled) {
        filled.oldest = (filled.oldest + 1) % self.max_entries;
        filled.count -= 1;
    }
}

impl Keyless for Queue {
    fn push(&self, value: Value<'_>, flags: u64) -> Result<(), Errno> {
        if flags & NOEXIST != 0 || flags > EXIST {
            return Err(Errno::EINVAL);
        }
        let mut filled = self.filled();
        if filled.count == self.max_entries {
            if flags != EXIST {
                return Err(Errno::E2BIG);
            }
            self.forget_oldest(&mut filled);
        }
        value.write_to(self.place(*filled, filled.count), 0, self.value_size);
        filled.count += 1;
        Ok(())
    }

    fn peek(&self, value: Out<'_>) -> Result<(), Errno> {
        self.copy(*self.filled(), value)
    }

    fn pop(&self, value: Out<'_>) -> Result<(), Errno> {
        let mut filled = self.filled();
        self.copy(*filled, value)?;
        match self.order {
            Order::Fifo => self.forget_oldest(&mut filled),
            Order::Lifo => filled.count -= 1,
        }
        Ok(())
    }
}

impl Storage for Queue {
    fn lookup(&self, _: &[u8], _: Side) -> Option<Place<'_>> {
        None
    }

    fn update(&self, _: &[u8], value: Value<'_>, flags: u64, _: Side) -> Result<(), Errno> {
        self.push(value, flags)
    }

    fn delete(&self, _: &[u8]) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    /// From the oldest to the newest: pushed in this order into an empty map, they make an equal one.
    fn element(&self, cursor: u64, _: Side) -> Option<Element<'_>> {
        let filled = *self.filled();
        let age = u32::try_from(cursor).ok().filter(|age| *age < filled.count)?;
        Some(Element { key: ElementKey::None, value: self.place(filled, age), next: cursor + 1 })
    }

    fn keyless(&self) -> Option<&dyn Keyless> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &Queue, value: u32, flags: u64) -> Result<(), Errno> {
        queue.push(Value::Bytes(&value.to_le_bytes()), flags)
    }

    fn pop(queue: &Queue) -> Result<u32, Errno> {
        let mut value = [0xff; 4];
        let popped = queue.pop(Out::Bytes(&mut value)).map(|()| u32::from_le_bytes(value));
        assert!(popped.is_ok() || value == [0; 4], "an empty map gives zeros");
        popped
    }

    #[test]
    fn values_leave_in_their_order_and_a_full_map_forgets_the_oldest() {
        for (order, expected) in [(Order::Fifo, [2, 3, 4]), (Order::Lifo, [4, 3, 2])] {
            let queue = Queue::new(order, 4, 3);
            for round in 0..5 {
                assert!((1..=3).all(|value| push(&queue, value, 0).is_ok()), "round {round}");
                assert_eq!(push(&queue, 4, 0), Err(Errno::E2BIG));
                assert_eq!(push(&queue, 4, EXIST), Ok(()));
                assert_eq!([pop(&queue), pop(&queue), pop(&queue)], expected.map(Ok));
                assert_eq!(pop(&queue), Err(Errno::ENOENT));
            }
        }
    }

    #[test]
    fn threads_lose_and_repeat_nothing() {
        const EACH: u32 = if cfg!(miri) { 20 } else { 2_000 };
        let queue = Queue::new(Order::Fifo, 4, 64);
        let sum: u64 = std::thread::scope(|scope| {
            for thread in 0..2 {
                let queue = &queue;
                scope.spawn(move || {
                    for value in (0..EACH).map(|value| value * 2 + thread) {
                        while push(queue, value, 0).is_err() {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let takers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let mut sum = 0;
                        let mut left = EACH;
                        while left > 0 {
                            match pop(&queue) {
                                Ok(value) => (sum, left) = (sum + u64::from(value), left - 1),
                                Err(_) => std::thread::yield_now(),
                            }
                        }
                        sum
                    })
                })
                .collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).sum()
        });
        assert_eq!(sum, (0..u64::from(EACH) * 2).sum::<u64>());
    }
}
