//! Which numbers must be known exactly.
//!
//! # What a mark means
//! Two paths meet before the same instruction. The first came with state *S*, was walked on to all its ends, and went
//! well. The second comes with *T*, and need not be walked on if whatever *T* allows to happen is allowed by *S* too.
//! Were every value of *T* a member of what *S* knew, that would be plain. But most numbers do not matter: a counter
//! that is only stored away may be anything. So a kept state has, beside its values, a set *M* of **marks**: the places
//! (registers, spilled slots) whose numbers the paths from *S* relied upon.
//!
//! *S covers T* if at each place in *M* the number of *T* is a member of that of *S* (with its ties), and at each place
//! not in *M* both merely hold some number. That is sound if the marks are complete:
//!
//! > Let any number at a place outside *M* be replaced by any other. Then the walk from *S* takes the same branches,
//! > performs the same accesses within the same bounds, and is refused nowhere.
//!
//! A mark that is missing lets a path stop that should have been walked on, and then a program is accepted that faults.
//! A mark too many only costs time.
//!
//! # How marks come about
//! Where the walk **relies** on a number (a comparison decided by it, an offset added to a pointer, a size given to a
//! helper, a value returned within a range), [`Notes`] say so. The path from the last kept state to there is walked
//! backwards, one instruction at a time ([`backtrack`]): who relies on `r1` after `r1 = r2` relied on `r2` before it;
//! after `r1 = 4` on nothing. What is left at the kept state is marked there ([`mark`]), and the walk back goes on
//! through that state's own segment to its parent, until nothing is wanted any more or a place is reached that was
//! marked before: then those before it are, too.
//!
//! Three things cannot be read off the instructions alone, and are noted in the path's [`history`] when they happen:
//! where a path came from at a jump's target; which slot an instruction filled or spilled (its pointer may have come
//! from anywhere); which numbers were tied to each other when a comparison narrowed all of them.
//!
//! Where a path stops because *S* covers it, all that *S* relies on is relied on by this path, too: *S*'s marks are
//! wanted at its end, and walked back from there. (If *S* still lacks marks, since a loop through it is not walked to
//! its end, that is repeated when the loop is closed: see `loops`.)
//!
//! Where the walk back cannot follow, every number of every state on the way is marked.
//!
//! The state of the path that is being walked has no marks: it is compared only once it is kept, and begins to
//! collect its marks then.

mod backtrack;
mod history;
mod mark;
mod places;

pub(crate) use history::{History, Link};
pub(crate) use mark::{Point, mark_everything, rely_on};
pub(crate) use places::{Linked, Notes, Place, Places, Wanted};
