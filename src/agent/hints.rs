//! What a request's head says of its sender.

use super::{
    hash::Hash,
    phrase::{Phrases, begins, head, holds},
};
use crate::limits;

/// A client that is recognised by what it sends.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "products by their own names")]
pub enum Client {
    ClaudeCode,
    Codex,
    Opencode,
    OpenHands,
    Aider,
    Cursor,
    /// A vendor's SDK, or a program that speaks for itself.
    #[default]
    Other,
}

/// What a client says of one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    Auxiliary,
    Compaction,
    Subagent,
    Review,
}

/// The head of a request, as far as it speaks of conversations. Holds hashes, no text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints {
    /// The client.
    pub client: Client,
    /// Hash of the caller's credential; `None` where there is none.
    pub(super) scope: Option<u64>,
    /// The conversation by the best header, and that header's rank.
    pub(super) session: Option<(u8, u64)>,
    /// A sub-agent's own id, or word that this is one.
    pub(super) agent: Option<u64>,
    pub(super) class: Option<Class>,
    /// A sub-agent that searches: it reads and reports.
    pub(super) explore: bool,
    pub(super) plan: bool,
    /// The first request after a compaction: the old prefix is dead.
    pub(super) compacted: bool,
    /// A compaction whose summary comes back encrypted.
    pub(super) sealed: bool,
    /// Answers to tool calls, by the client's own word.
    pub(super) tool_results: bool,
}

/// Headers that name a conversation, best first.
///
/// `thread-id`: Codex, whose sub-agents have their own. `x-claude-code-session-id`: Claude Code. `x-session-affinity`,
/// `x-opencode-session`: opencode. `x-litellm-session-id`: OpenHands and other LiteLLM clients. `x-grok-conv-id`: xAI.
const SESSIONS: [&str; 9] = [
    "thread-id",
    "x-claude-code-session-id",
    "x-session-id",
    "session-id",
    "session_id",
    "x-session-affinity",
    "x-opencode-session",
    "x-litellm-session-id",
    "x-grok-conv-id",
];

/// Where a caller's credential stands.
const CREDENTIALS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];

impl Client {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ClaudeCode,
        Self::Codex,
        Self::Opencode,
        Self::OpenHands,
        Self::Aider,
        Self::Cursor,
        Self::Other,
    ];

    /// The name used in logs and configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClaudeCode => "claude_code",
            Self::Codex => "codex",
            Self::Opencode => "opencode",
            Self::OpenHands => "openhands",
            Self::Aider => "aider",
            Self::Cursor => "cursor",
            Self::Other => "other",
        }
    }

    /// Told by the `user-agent`.
    fn of_user_agent(value: &[u8]) -> Option<Self> {
        let value = head(value, 128);
        static NAMES: [(Client, Phrases); 6] = [
            (Client::ClaudeCode, Phrases::new(&["claude-cli", "claude-code"])),
            (Client::Codex, Phrases::new(&["codex"])),
            (Client::Opencode, Phrases::new(&["opencode"])),
            (Client::OpenHands, Phrases::new(&["openhands"])),
            (Client::Aider, Phrases::new(&["aider"])),
            (Client::Cursor, Phrases::new(&["cursor"])),
        ];
        NAMES.iter().find(|(_, names)| holds(value, names)).map(|(client, _)| *client)
    }
}

impl Hints {
    /// Reads the headers of a request; names in lower case.
    pub fn read(headers: &[(&str, &[u8])]) -> Self {
        let mut hints = Self::default();
        let mut agent_named = false;
        for (name, value) in headers {
            let id = || identifier(value).map(|id| Hash::new().text(id).value());
            if let Some(rank) = SESSIONS.iter().position(|known| known == name) {
                let rank = u8::try_from(rank).unwrap_or(u8::MAX);
                if let Some(id) = id()
                    && hints.session.is_none_or(|(best, _)| rank < best)
                {
                    hints.session = Some((rank, id));
                }
                if let Some(client) = client_of_session(name) {
                    hints.client = client;
                    agent_named = true;
                }
            } else if CREDENTIALS.contains(name) {
                hints.scope = hints.scope.or_else(|| Some(Hash::new().text(value).value()));
            } else {
                match *name {
                    "user-agent" if !agent_named => {
                        hints.client = Client::of_user_agent(value).unwrap_or(hints.client);
                    }
                    "originator" if begins(value, &["codex"]) => {
                        hints.client = Client::Codex;
                        agent_named = true;
                    }
                    "x-claude-code-agent-id" => hints.agent = id().or(hints.agent),
                    // opencode: a child session says whose it is.
                    "x-parent-session-id" | "x-codex-parent-thread-id" => {
                        hints.class = hints.class.or(Some(Class::Subagent));
                    }
                    "x-claude-code-request-class" => match *value {
                        b"auxiliary" => hints.class = Some(Class::Auxiliary),
                        b"compaction" => hints.class = Some(Class::Compaction),
                        b"subagent" | b"workflow" => hints.class = hints.class.or(Some(Class::Subagent)),
                        _ => {}
                    },
                    "x-claude-code-agent-type" => {
                        hints.class = hints.class.or(Some(Class::Subagent));
                        hints.explore |= *value == b"Explore";
                        hints.plan |= *value == b"Plan";
                    }
                    "x-claude-code-compaction" => hints.class = Some(Class::Compaction),
                    "x-claude-code-context-compacted" => hints.compacted = true,
                    "x-claude-code-prev-tool-durations" => hints.tool_results = true,
                    "x-openai-memgen-request" if *value == b"true" => hints.class = Some(Class::Auxiliary),
                    "x-openai-subagent" => {
                        hints.class = Some(match *value {
                            b"compact" => Class::Compaction,
                            b"review" => Class::Review,
                            b"memory_consolidation" => Class::Auxiliary,
                            _ => Class::Subagent,
                        });
                    }
                    _ => {}
                }
            }
        }
        hints
    }

    /// The head of a request to Codex's endpoint for compaction, `/responses/compact`.
    #[must_use]
    pub(crate) fn compacting(mut self) -> Self {
        self.class = Some(Class::Compaction);
        self.sealed = true;
        self
    }

    /// Whether a summary is asked for that comes back encrypted: only its maker will read it.
    pub const fn sealed(&self) -> bool {
        self.sealed
    }

    /// Whether the client said that the old prefix is dead: the first request after a compaction.
    pub const fn compacted(&self) -> bool {
        self.compacted
    }
}

fn client_of_session(name: &str) -> Option<Client> {
    match name {
        "x-claude-code-session-id" => Some(Client::ClaudeCode),
        "x-session-affinity" | "x-opencode-session" => Some(Client::Opencode),
        _ => None,
    }
}

/// An id that may stand for a conversation: callers choose it, so it is bounded and printable.
pub(super) fn identifier(value: &[u8]) -> Option<&[u8]> {
    let value = value.trim_ascii();
    let fit =
        !value.is_empty() && value.len() <= limits::SESSION_ID && !value.iter().any(u8::is_ascii_control);
    fit.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_known_by_what_they_send() {
        for (headers, client) in [
            (&[("user-agent", &b"claude-cli/2.1.283 (external, cli)"[..])][..], Client::ClaudeCode),
            (&[("user-agent", b"Anthropic/JS"), ("x-claude-code-session-id", b"a")], Client::ClaudeCode),
            (&[("originator", b"codex_cli_rs"), ("user-agent", b"reqwest")], Client::Codex),
            (&[("x-session-affinity", b"ses_1")], Client::Opencode),
            (&[("user-agent", b"opencode/1.2")], Client::Opencode),
            (&[("user-agent", b"Aider/0.90 LiteLLM")], Client::Aider),
            (&[("user-agent", b"OpenAI/Python 2.1")], Client::Other),
            (&[], Client::Other),
        ] {
            assert_eq!(Hints::read(headers).client, client, "{headers:?}");
        }
    }

    #[test]
    fn ids_are_bounded_and_printable() {
        let long = [b'a'; 300];
        assert_eq!(identifier(&long), None);
        assert_eq!(identifier(b"a\nb"), None);
        assert_eq!(identifier(b"  "), None);
        assert_eq!(identifier(b" ses_1 "), Some(&b"ses_1"[..]));
    }

    #[test]
    fn the_best_header_wins_in_any_order() {
        let best = |headers: &[(&str, &[u8])]| Hints::read(headers).session;
        let one = best(&[("session-id", b"s"), ("thread-id", b"t")]);
        assert_eq!(one, best(&[("thread-id", b"t"), ("session-id", b"s")]));
        assert_eq!(one, best(&[("thread-id", b"t")]));
    }
}
