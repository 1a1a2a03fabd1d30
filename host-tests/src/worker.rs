//! The Worker's module in wasmtime, held to the corpus: a host that speaks as `worker/js/index.js` does, makes no
//! connection, and plays the providers.

use std::{fs, sync::OnceLock};

use pointsman::Config;
use pointsman_corpus::{
    Answer, Case, Cuts, Delivered, Door, Failover, Seen, Sent,
    native::NOW,
    seen::{LOGGED, logged},
};
use serde_json::Value;
use wasmtime::{Caller, Engine, ExternType, Instance, Linker, Module, Store, Tag, Val, WasmParams};

const NOW_MS: f64 = NOW as f64 * 1000.0;

/// The connection ended before a head; as `index.js` numbers it.
const CUT_OFF: u32 = 2;

/// The engine and the compiled module: made once, shared by all tests.
fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| {
        let folder = live::worker::build().unwrap_or_else(|failure| panic!("{failure}"));
        let bytes = fs::read(folder.join(live::worker::MODULE)).expect("the built module");
        Module::new(&Engine::default(), bytes).expect("a valid module")
    })
}

/// What the module wants of its host: `module.name` of each import.
pub fn imports() -> Vec<String> {
    module().imports().map(|import| format!("{}.{}", import.module(), import.name())).collect()
}

/// The Worker with the configuration of the moment; each case meets an isolate that remembers nothing.
#[derive(Default)]
pub struct WorkerDoor {
    document: String,
}

impl Door for WorkerDoor {
    fn name(&self) -> &'static str {
        "Worker"
    }

    fn failover(&self) -> Failover {
        Failover::Core
    }

    fn shows(&self) -> &'static [&'static str] {
        &LOGGED
    }

    fn tells_upstreams(&self) -> bool {
        false
    }

    fn configure(&mut self, document: &str) {
        document.clone_into(&mut self.document);
    }

    fn play(&mut self, case: &Case, cuts: &mut Cuts) -> Seen {
        let config = Config::from_json(self.document.as_bytes()).expect("a document");
        let mut playing = Playing {
            isolate: Isolate::start(&self.document, &config, case),
            config,
            case,
            seen: Seen::default(),
            kept: None,
        };
        playing.run(cuts);
        playing.seen
    }
}

/// What the module says: see `worker/src/reply.rs`.
struct Reply {
    verb: u32,
    numbers: [u32; 7],
    /// Start, end and length of each splice.
    places: Vec<[usize; 3]>,
    lines: Vec<String>,
    rest: Vec<u8>,
}

const ANSWER: u32 = 0;
const BODY: u32 = 1;
const SEND: u32 = 2;
const EXPLAIN: u32 = 4;
const WAIT: u32 = 5;
const KEEP: u32 = 6;
const SETTLED: u32 = 8;
const READY: u32 = 10;

/// What the calls of a request need of a host for JavaScript: a log. All else that is imported is for the rest, and traps.
fn linker(store: &mut Store<Vec<String>>) -> Linker<Vec<String>> {
    let mut linker = Linker::new(module().engine());
    for import in module().imports() {
        let (from, name) = (import.module(), import.name());
        match import.ty() {
            ExternType::Tag(ty) => {
                let tag = Tag::new(&mut *store, &ty).expect("a tag");
                linker.define(&mut *store, from, name, tag).expect("a name");
            }
            ExternType::Func(ty) if name.starts_with("__wbg_log_") => {
                let log = |mut caller: Caller<'_, Vec<String>>, words: &[Val], _: &mut [Val]| {
                    let word = |i: usize| words[i].unwrap_i32() as usize;
                    let memory = caller.get_export("memory").and_then(wasmtime::Extern::into_memory);
                    let line = &memory.expect("a memory").data(&caller)[word(0)..word(0) + word(1)];
                    let line = String::from_utf8(line.to_vec()).expect("text");
                    caller.data_mut().push(line);
                    Ok(())
                };
                linker.func_new(from, name, ty, log).expect("a name");
            }
            _ => {}
        }
    }
    linker.define_unknown_imports_as_traps(module()).expect("functions");
    linker
}

struct Isolate {
    /// Lines of the log.
    store: Store<Vec<String>>,
    instance: Instance,
}

impl Isolate {
    fn start(document: &str, config: &Config, case: &Case) -> Self {
        let mut store = Store::new(module().engine(), Vec::new());
        let instance = linker(&mut store).instantiate(&mut store, module()).expect("all that it imports");
        let mut isolate = Self { store, instance };
        let settled = isolate.hand("document", document.as_bytes(), |length| (length,));
        assert_eq!(settled.verb, SETTLED, "{:?}", settled.lines);
        let pairs = config.providers().iter().filter_map(|provider| {
            Some(format!("{}\n{}", provider.key_env.as_ref()?, case.key(&provider.name)?))
        });
        let pairs: Vec<String> = pairs.collect();
        assert_eq!(isolate.hand("keys", pairs.join("\n").as_bytes(), |length| (length,)).verb, READY);
        isolate
    }

    /// Hands bytes in and calls.
    fn hand<P: WasmParams>(&mut self, name: &str, bytes: &[u8], arguments: impl Fn(u32) -> P) -> Reply {
        let length = self.put(bytes);
        self.call(name, arguments(length))
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        let length = u32::try_from(bytes.len()).expect("a body of a test");
        let input = self.instance.get_typed_func::<u32, u32>(&mut self.store, "input").expect("an export");
        let at = input.call(&mut self.store, length).expect("no trap");
        let memory = self.instance.get_memory(&mut self.store, "memory").expect("a memory");
        memory.write(&mut self.store, at as usize, bytes).expect("room");
        length
    }

    fn call<P: WasmParams>(&mut self, name: &str, arguments: P) -> Reply {
        let call = self.instance.get_typed_func::<P, u32>(&mut self.store, name).expect("an export");
        let at = call.call(&mut self.store, arguments).expect("no trap") as usize;
        let memory = self.instance.get_memory(&mut self.store, "memory").expect("a memory");
        let data = memory.data(&self.store);
        let number = |at: usize| {
            let bytes: [u8; 4] = data[at..at + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes) as usize
        };
        let word = |i: usize| number(at + i * 4);
        let (text, rest, verb) = (word(0), word(1), word(2) as u32);
        let numbers: [u32; 7] = std::array::from_fn(|i| word(3 + i) as u32);
        let splices = if verb == SEND { numbers[1] as usize } else { 0 };
        let places = (0..splices).map(|i| std::array::from_fn(|k| word(10 + i * 3 + k))).collect();
        let text_at = at + (10 + splices * 3) * 4;
        let words = String::from_utf8(data[text_at..text_at + text].to_vec()).expect("text");
        Reply {
            verb,
            numbers,
            places,
            lines: words.split('\n').map(str::to_owned).collect(),
            rest: data[text_at + text..text_at + text + rest].to_vec(),
        }
    }

    fn finish(&mut self, number: u32, how: u32) {
        let finish = self
            .instance
            .get_typed_func::<(u32, u32, u32, f64), u32>(&mut self.store, "finish")
            .expect("an export");
        let tell = finish.call(&mut self.store, (number, 0, how, NOW_MS)).expect("no trap");
        assert_eq!(tell, 0, "without a store there is nobody to tell");
    }

    fn push(&mut self, number: u32, bytes: &[u8]) {
        let length = self.put(bytes);
        let push =
            self.instance.get_typed_func::<(u32, u32), ()>(&mut self.store, "push").expect("an export");
        push.call(&mut self.store, (number, length)).expect("no trap");
    }
}

/// Names and values, as the client gets them.
type Headers = Vec<(String, Vec<u8>)>;

struct Playing<'a> {
    isolate: Isolate,
    config: Config,
    case: &'a Case,
    seen: Seen,
    /// The answer taken last, with the headers that the client gets.
    kept: Option<(&'a Answer, Headers)>,
}

impl<'a> Playing<'a> {
    fn run(&mut self, cuts: &mut Cuts) {
        let case = self.case;
        let mut head = format!("{}\nhttp://gateway.test{}", case.method, case.path);
        for (name, value) in &case.headers {
            head.push_str(&format!("\n{name}\n{}", text(value)));
        }
        // Head and body in one call or in two: the host does both.
        let mut reply = if cuts.below(2) == 0 {
            let length = u32::try_from(head.len()).expect("a head of a test");
            let both = [head.as_bytes(), &case.body].concat();
            self.isolate.hand("ask", &both, |whole| (length, whole, NOW_MS))
        } else {
            self.isolate.hand("open", head.as_bytes(), |length| (length, NOW_MS))
        };
        let number = reply.numbers[0];
        loop {
            reply = match reply.verb {
                BODY => self.isolate.hand("route", &case.body, |length| (number, length, NOW_MS)),
                SEND => {
                    let answer = self.send(&reply);
                    if answer.reset {
                        self.isolate.call("failed", (number, CUT_OFF, NOW_MS))
                    } else if let Some(next) = self.answered(number, answer, cuts) {
                        next
                    } else {
                        break;
                    }
                }
                ANSWER => {
                    let status = u16::try_from(reply.numbers[1]).expect("a status");
                    let headers = pairs(&reply.lines);
                    self.kept = None;
                    self.seen.delivered = Some(Delivered { status, headers, body: reply.rest, cut: false });
                    break;
                }
                other => panic!("{}: verb {other}", case.name),
            };
        }
        if let Some((answer, headers)) = self.kept.take() {
            let (status, body) = (answer.status, answer.body.0.clone());
            self.seen.delivered = Some(Delivered { status, headers, body, cut: answer.cut });
        }
        let how = if self.seen.delivered.as_ref().is_some_and(|delivered| delivered.cut) { 2 } else { 0u32 };
        self.isolate.finish(number, how);
        let line: Value = serde_json::from_str(&self.isolate.store.data().concat()).expect("a line of JSON");
        self.seen.facts = logged(&line);
    }

    /// Notes what left, and returns what the provider makes of it.
    fn send(&mut self, reply: &Reply) -> &'a Answer {
        let [method, url, changes @ ..] = &reply.lines[..] else { panic!("{:?}", reply.lines) };
        let mut rest = &reply.rest[..];
        let mut edits = Vec::new();
        for &[start, end, length] in &reply.places {
            let (with, after) = rest.split_at(length);
            edits.push(pointsman::BodySplice { start, end, with: with.to_vec() });
            rest = after;
        }
        let (_, behind) = url.split_once("://").expect("an absolute URL");
        let (authority, path) = behind.split_at(behind.find('/').unwrap_or(behind.len()));
        let at = |provider: &&pointsman::Provider| {
            provider.origin().is_some_and(|origin| origin.authority() == authority)
        };
        let provider = self.config.providers().iter().find(at).expect("a provider of the document");
        let again = self.seen.sent.iter().filter(|sent| sent.upstream.starts_with(&provider.name)).count();
        let upstream =
            if again == 0 { provider.name.clone() } else { format!("{}.{}", provider.name, again + 1) };
        self.seen.sent.push(Sent {
            upstream: upstream.clone(),
            method: method.clone(),
            path: path.to_owned(),
            headers: changed(&self.case.headers, changes, reply.numbers[2]),
            body: pointsman::edit::apply(&self.case.body, &edits),
            splices: edits,
        });
        self.case.answer(&upstream)
    }

    /// The next reply, or none where the answer is delivered.
    fn answered(&mut self, number: u32, answer: &'a Answer, cuts: &mut Cuts) -> Option<Reply> {
        let mut head = answer.status.to_string();
        for (name, value) in answer.pairs() {
            head.push_str(&format!("\n{name}\n{}", text(value)));
        }
        let reply = self.isolate.hand("answered", head.as_bytes(), |length| (number, length, NOW_MS));
        self.kept = Some((answer, changed(&answer.pairs(), &reply.lines, reply.numbers[2])));
        let (meter, mut peek) = (reply.numbers[0] == 1, reply.numbers[1] == 1);
        if reply.verb == EXPLAIN {
            let reply = self.isolate.hand("explained", &answer.body.0, |length| (number, length, NOW_MS));
            return (reply.verb != KEEP).then_some(reply);
        }
        for piece in cuts.pieces(&answer.body.0) {
            if peek {
                let reply = self.isolate.hand("peeked", piece, |length| (number, length, NOW_MS));
                match reply.verb {
                    WAIT => {}
                    KEEP => peek = false,
                    _ => return Some(reply),
                }
            } else if meter {
                self.isolate.push(number, piece);
            }
        }
        None
    }
}

/// A header's value as a host for JavaScript shows it: each byte a character.
fn text(value: &[u8]) -> String {
    value.iter().copied().map(char::from).collect()
}

/// Headers as the reply changes them: so many names removed, then names and values set.
fn changed(
    headers: &[(impl AsRef<str>, impl AsRef<[u8]>)],
    lines: &[String],
    removed: u32,
) -> Vec<(String, Vec<u8>)> {
    let (removed, set) = lines.split_at(removed as usize);
    let set = pairs(set);
    let gone =
        |name: &str| removed.iter().any(|known| known == name) || set.iter().any(|pair| pair.0 == name);
    let headers = headers.iter().map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().to_vec()));
    headers.filter(|(name, _)| !gone(name)).chain(set.clone()).collect()
}

fn pairs(lines: &[String]) -> Vec<(String, Vec<u8>)> {
    let bytes = |text: &str| text.chars().map(|c| u8::try_from(c).unwrap_or(b'?')).collect();
    lines.chunks_exact(2).map(|pair| (pair[0].clone(), bytes(&pair[1]))).collect()
}
