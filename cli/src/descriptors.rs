//! How many connections a process may have.

/// Raises the bound on open files to what the system allows. Two connections a request, and the usual bound of 1024 is
/// met by five hundred streams. Where it cannot be raised it stays.
pub fn raise() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let _ = setrlimit(Resource::Nofile, raised);
    }
}
