//! The scalar domain. To be written.
