//! Words that say what kind of question a text is, in several languages.
//!
//! A word may stand in several lists. Words are kept as hashes of their lower-case bytes, so a look-up is one probe.

use alloc::{boxed::Box, collections::BTreeMap, vec, vec::Vec};

/// One word's lists, as a set of bits.
pub(super) type Mask = u64;

/// The lists, in the order of their bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(dead_code, reason = "most lists are only counted, by number; the names say which is which")]
pub(super) enum List {
    Negation,
    Compute,
    Prove,
    Explain,
    Which,
    Factoid,
    HowMany,
    Premise,
    Law,
    Medicine,
    Unit,
    Program,
    Write,
    Name,
    Translate,
    Summarise,
    Extract,
    Compare,
    Quantifier,
    Time,
    Speaker,
    Person,
    Science,
    Money,
    Logic,
    Superlative,
    Passage,
    Order,
    Grammar,
    Chat,
    Agent,
    Geometry,
    Algebra,
    Society,
    Example,
    Hedge,
    Everyday,
    Foreign,
}

/// These lists as a mask.
#[allow(clippy::indexing_slicing, reason = "at compile time")]
pub(super) const fn lists(lists: &[List]) -> Mask {
    let (mut mask, mut n) = (0, 0);
    while n < lists.len() {
        mask |= 1 << lists[n] as usize;
        n += 1;
    }
    mask
}

/// How many lists there are.
pub(super) const LISTS: usize = 38;

/// The words, by list.
pub(super) const WORDS: [&str; LISTS] = [
    // Negation
    "not no never none nor neither cannot can't don't doesn't isn't aren't without except false incorrect least unlikely \
     incorrectly nothing nobody unless nicht kein keine keinen nie ohne außer ne pas jamais sans sauf aucun aucune nunca \
     sin excepto ninguno ninguna não nem sem non mai senza tranne не нет без никогда кроме değil hiçbir hariç bukan tidak \
     नहीं لا ليس غير لم nie bez nigdy niet geen zonder inte utan không",
    // Compute
    "calculate compute find determine evaluate solve simplify estimate approximate round sum total product value obtain \
     express convert factor expand integrate differentiate berechne berechnen bestimme bestimmen finde löse calcule \
     calculer calculez déterminez déterminer trouvez trouver résoudre calcula calcular encuentra encontrar halla hallar \
     determina determinar resuelve resolver calcule encontre determine resolva calcola calcolare trova trovare risolvi \
     вычислите вычислить найдите найти определите решите рассчитайте hesapla hesaplayın bulun çöz hitung tentukan carilah \
     गणना ज्ञात احسب أوجد حل oblicz znajdź wyznacz bereken 计算 求出 求解 算出 計算 求め 解け 계산 구하 \
     trouve calcul rozwiąż policz вычисли найди реши определи посчитай рассчитай bepaal vind halle ache",
    // Prove
    "prove proof show shown verify demonstrate derive deduce disprove justify theorem lemma induction contradiction \
     beweise beweisen zeige zeigen démontrer démontrez prouver prouvez montrez demuestra demostrar demuestre prueba prove \
     demonstre mostre dimostra dimostrare dimostrate докажите доказать kanıtla ispatla buktikan सिद्ध أثبت برهن udowodnij \
     bewijs 证明 推导 証明 증명 \
     démontre prouve montre muestra mostra wykaż dowód докажи доказательство покажи toon 证",
    // Explain
    "why explain describe discuss reason because cause causes reasons how justify analyze analyse interpret evaluate \
     assess difference warum wieso weshalb erkläre erklären beschreibe beschreiben wie pourquoi expliquer expliquez \
     explique décrire décrivez comment porqué explica explicar describe cómo explique descreva como perché spiega spiegare \
     descrivi come почему зачем объясните объясни опишите как neden niçin açıkla nasıl mengapa jelaskan bagaimana क्यों \
     समझाएं कैसे لماذا اشرح كيف dlaczego wyjaśnij jak waarom leg 为什么 解释 说明 如何 怎么 なぜ 説明 どう 왜 설명 어떻 \
     erörtere discuta omów opisz обсуди опиши bespreek verklaar uitleg discuti analiza analysiere analiziere \
     discutez",
    // Which
    "which following best most likely statement statements option options choose correct describes correctly true \
     welche welcher welches folgenden quel quelle quels quelles suivants suivantes cuál cuáles siguientes qual quais \
     seguintes quale quali seguenti какой какая какие какое следующих hangisi aşağıdakilerden manakah berikut कौन निम्नलिखित \
     أي التالية który która które następujących welke volgende 哪个 哪些 下列 以下 どの どれ 次の 어느 다음",
    // Factoid
    "who whom whose when where what name named called year country city wer wann wo was qui quand où que quoi quién \
     cuándo dónde qué quem quando onde chi dove cosa кто когда где что kim ne zaman nerede siapa kapan mana apa कौन कब कहाँ \
     क्या من متى أين ما ماذا kto kiedy gdzie co wie wanneer waar wat 谁 哪里 什么 何时 誰 いつ どこ 何 누가 언제 어디 무엇 \
     什么时候",
    // HowMany
    "many much often far long percent percentage probability chance average number amount rate ratio fraction wieviel \
     wieviele viele wahrscheinlichkeit anzahl combien probabilité nombre pourcentage cuántos cuántas cuánto probabilidad \
     número porcentaje quantos quantas quanto probabilidade porcentagem quanti quante probabilità numero percentuale \
     сколько вероятность число процент kaç olasılık sayısı yüzde berapa peluang banyaknya कितने कितना प्रायिकता كم احتمال \
     عدد نسبة ile prawdopodobieństwo liczba hoeveel kans 多少 概率 几个 平均 いくつ 確率 何人 몇 확률",
    // Premise
    "if let given suppose assume assuming consider such where then denote define defined satisfies satisfying wenn sei \
     seien gegeben angenommen sodass si soit soient supposons tel tels sea sean dado dada suponga supongamos tal seja \
     sejam suponha sia siano dato data supponi если пусть дано предположим такие eğer olsun verilen jika misalkan diketahui \
     यदि मान दिया إذا ليكن لنفرض jeśli niech dany als stel gegeven 如果 假设 设 已知 もし とする 만약",
    // Law
    "court law legal plaintiff defendant contract statute liability liable tort negligence constitutional amendment crime \
     criminal guilty murder sued sue suit jury trial attorney landlord tenant evidence testimony witness motion granted \
     property seller buyer deed convicted police robbery federal state clause judge rights jurisdiction",
    // Medicine
    "patient patients disease symptoms blood pain treatment clinical medical physician doctor hospital drug medication \
     dose infection cancer therapy diagnosis pressure fever syndrome nerve muscle tissue bone heart lung renal liver \
     chronic acute year-old woman man examination virus bacteria vaccine surgery",
    // Unit
    "kg km cm mm m s g ml liters liter litres meters metres meter metre feet foot inches inch miles mile hours hour \
     minutes minute seconds second degrees degree percent grams gram pounds pound volts volt watts watt joules ohms hz \
     mol kpa atm psi newton newtons mph mg nm kj ev kw hp rpm gallons celsius fahrenheit kelvin amperes",
    // Program
    "code function array string list return returns integer int program algorithm input output python java javascript \
     class method variable loop print def implement sql query database html css api compile debug error bug regex script \
     json file files boolean null pointer stack queue tree graph node index substring elements element lists tuple \
     dictionary assert test tests rust c++ typescript bash git docker kubernetes server thread async recursion sort \
     sorted characters indices subarray matrix funktion fonction función função funzione функция fonksiyon fungsi 函数 代码 \
     程序 関数 コード 함수 코드 \
     programm dienst threads programme service pruebas programa servicio hilos servizio programma serviço testes \
     functie funkcję kod testy serwis wątki функцию программу код тесты служба сервис поток потоки 服务 测试 线程 缓存",
    // Write
    "write create compose generate draft story poem essay article blog email letter script song dialogue slogan caption \
     speech paragraph haiku limerick creative character plot rewrite rephrase edit schreibe schreiben verfasse gedicht \
     écrivez écrire rédigez rédige poème escribe escribir redacta poema historia escreva redija scrivi scrivere poesia \
     напишите напиши стихотворение рассказ yaz şiir tulis tuliskan buatlah puisi लिखें कविता اكتب قصيدة napisz wiersz schrijf \
     gedicht 写一 撰写 诗 書い 써 작성 \
     écris schreib redige составь napisać opstel",
    // Name
    "list name give provide suggest identify state mention outline recommend tips ideas ways examples steps nenne liste \
     auflisten énumérez nommez donnez enumera nombra da liste cite dê elenca cita назовите перечислите приведите listele \
     sebutkan सूची اذكر wymień noem 列出 举出 挙げ 나열 \
     empfiehl gib donne recommande dame recomiéndame dammi consigliami recomende geef raad podaj poleć дай \
     посоветуй 推荐",
    // Translate
    "translate translation translated english french german spanish chinese japanese russian italian portuguese korean \
     arabic hindi latin turkish polish dutch übersetze übersetzen traduire traduisez traduis traduce traducir traduzca \
     traduza traduzir traduci tradurre переведите переведи перевод çevir terjemahkan अनुवाद ترجم przetłumacz vertaal 翻译 翻訳 \
     번역",
    // Summarise
    "summarize summarise summary summaries tldr tl;dr condense shorten headline title gist recap abstract zusammenfassen \
     zusammenfassung fasse résume résumer résumez resume resumen resumir resuma resumo riassumi riassunto кратко \
     резюмируй обобщите özetle özet ringkas rangkum सारांश لخص ملخص podsumuj streszcz samenvatten vat 总结 概括 要約 요약",
    // Extract
    "extract classify classification category categories label sentiment positive negative entities entity detect \
     identify parse table csv json fields format keywords topic tag tags spam extrahiere klassifiziere extraire extrayez \
     classez extrae extraer clasifica extraia classifique estrai classifica извлеките классифицируйте çıkar sınıflandır \
     ekstrak klasifikasikan निकालें استخرج صنف wyodrębnij sklasyfikuj 提取 分类 抽出 分類 추출 분류",
    // Compare
    "more less than greater larger smaller higher lower better worse between versus vs compare compared comparison \
     difference differences similar faster slower older younger mehr weniger als zwischen vergleiche plus moins entre \
     comparez más menos que compara mais menos compare più meno tra confronta больше меньше чем между сравните daha \
     lebih कम अधिक أكثر أقل بين więcej mniej niż meer minder 比较 比べ 비교",
    // Quantifier
    "all every each any some exactly only both either always at must least most none least distinct different possible \
     alle jeder jede jedes genau nur tous toutes chaque exactement seulement todos todas cada exactamente solo exatamente \
     apenas tutti tutte ogni esattamente все каждый ровно только her tüm tam setiap semua tepat सभी प्रत्येक كل جميع بالضبط \
     wszystkie każdy dokładnie elke precies 所有 每个 恰好 すべて 各 모든 각",
    // Time
    "year years century war during ancient period early late era decade days day weeks week months month ago since before \
     after until history modern medieval empire king president century reign jahr jahre tage année années jours año años \
     días ano anos dias anno anni giorni год лет дней yıl gün tahun hari वर्ष दिन سنة أيام rok lat dni jaar dagen 年 天",
    // Speaker
    "i my me you your we our us i'm i've you're ich mein mir mich du dein wir je mon ma moi vous votre nous yo mi tú tu \
     nosotros usted eu meu você seu nós io mio tuo noi я мой мне вы ваш мы ben benim sen biz saya kamu anda kami मैं मेरा \
     आप أنا أنت نحن ja mój ty my ik mijn jij wij 我 你 您 我们 私 あなた 나 저",
    // Person
    "he she his her him they their them person people man woman boy girl mother father child children friend teacher \
     student students family john mary er sie ihr il elle ils leur él ella ellos su ele ela eles lui lei loro он она они \
     его o onlar dia mereka वह उसका هو هي هم on ona oni hij zij 他 她 他们 彼 彼女 그 그녀",
    // Science
    "energy force mass velocity acceleration temperature heat gas liquid atom atoms electron electrons proton molecule \
     molecules cell cells dna protein proteins gene genes acid base reaction chemical compound element current voltage \
     magnetic field light wave wavelength frequency particle species organism organisms plant plants animal animals \
     planet earth sun water oxygen carbon hydrogen pressure density equilibrium solution concentration evolution \
     chromosome membrane enzyme photosynthesis rock circuit charge electric quantum entropy ion ions bond bonds",
    // Money
    "cost price prices interest profit tax income dollar dollars market demand supply money pay paid investment bank \
     stock bond company firm firms sales revenue budget inflation gdp economy economic consumer consumers capital loan \
     per annum asset assets equity cash accounting",
    // Logic
    "argument valid conclusion premise statement implies follows therefore hence true false consistent proposition \
     proposition fallacy formula logical translates necessarily iff truth clue clues puzzle riddle knights liar truthful \
     lives neither house houses row seated sits left right position",
    // Superlative
    "best most largest smallest greatest highest lowest maximum minimum max min least first last optimal longest shortest \
     fastest biggest main primary largest strongest größte kleinste höchste maximal minimal grand grande petit máximo \
     mínimo mayor menor maior massimo minimo maggiore минимальное максимальное наибольшее наименьшее en terbesar terkecil \
     सबसे أكبر أصغر największy najmniejszy grootste kleinste 最大 最小 가장 最も",
    // Passage
    "passage according paragraph text author excerpt above below context read reading article sentence sentences word \
     words quote following document based dialogue review",
    // Order
    "first second third then next finally after before step steps begin start repeat followed starting again move moves \
     operation operations zuerst dann schließlich abord ensuite puis enfin primero luego después finalmente primeiro depois \
     prima poi infine сначала затем потом önce sonra pertama kemudian लاحقا ثم أولا najpierw potem eerst daarna 首先 然后 まず \
     次に 먼저",
    // Grammar
    "the a an of to in is are was were be been and or for on with by at from as that this it its which has have had will \
     would can could should may might do does did but not if than into their there these those",
    // Chat
    "hi hello hey thanks thank please bye goodbye morning welcome sorry great cool awesome lol ok okay yes haha love feel \
     hallo danke bitte bonjour merci salut hola gracias olá obrigado obrigada ciao grazie привет спасибо merhaba teşekkürler \
     halo terima नमस्ते धन्यवाद مرحبا شكرا cześć dziękuję dank 你好 谢谢 こんにちは ありがとう 안녕 감사",
    // Agent
    "repository repo commit branch file files folder directory fix bug failing test tests refactor build deploy install \
     run command terminal issue pull merge workspace codebase readme config dependency package booking flight reservation \
     order refund customer cancel ticket account schedule reminder weather search browse click",
    // Geometry
    "triangle circle square rectangle angle angles radius diameter perimeter area volume length parallel perpendicular \
     polygon vertices vertex sphere cube cylinder coordinates coordinate point points line segment plane tangent diagonal \
     hexagon side sides trapezoid parallelogram dreieck kreis cercle triángulo círculo triângulo triangolo треугольник \
     üçgen segitiga त्रिभुज مثلث trójkąt driehoek 三角形 圆 삼각형",
    // Algebra
    "polynomial equation equations function real integer integers prime primes divisor divisors divisible remainder \
     modulo matrix vector vectors sequence series root roots complex coefficient digits digit odd even positive negative \
     derivative integral limit group ring subgroup continuous domain range logarithm quadratic linear inverse solutions \
     permutations combinations dice coin gleichung équation ecuación equação equazione уравнение denklem persamaan समीकरण \
     معادلة równanie vergelijking 方程 整数 方程式 방정식",
    // Society
    "social political government theory culture moral ethics ethical religion philosophy psychology behavior behaviour \
     society policy rights democracy party public education church god human soviet american british united states world \
     international organization management communication gender sexual research study development cognitive personality",
    // Example
    "example examples note constraints explanation e.g. i.e. instance sample beispiel exemple ejemplo exemplo esempio \
     пример örnek contoh उदाहरण مثال przykład voorbeeld 示例 例如 例えば 예시",
    // Hedge
    "maybe probably about approximately might could possibly usually generally typically often sometimes perhaps roughly \
     nearly almost around",
    // Everyday
    "like want get make go good new use used work help need know think look thing things way time day home food house car \
     dog cat school book game movie song music team player football film show series buy eat drink play sleep",
    // Foreign: the commonest words of other languages
    "de la el los las un una que en y o por para con se del al su es lo der die das und ein eine den dem von zu mit auf ist \
     im für sich le les des et du est une dans qui sur pour au aux ce il gli di che da per con della dei nel è em um uma do \
     dos das os com na não ao e bir ve bu için ile olan ne yang dan di dari dengan untuk ini itu adalah pada i w z na się \
     jest het een van op te dat zijn och att det som på är af og til nicht wird sind ich wir dass oder aber wenn nach aus \
     einem einer kann cette sont avec nous vous mais où ses este esta pero sus sin sobre cuando donde más qué não uma \
     foi são mais seu sua pelo pela quando sono più anche alla gli dove cosa ogni ik je niet maar ook aan bij uit naar \
     wat hoe worden nie że czy jak od dla oraz który która które jaka są był była ich jego przez tym tego ale gdzie kto \
     pod przed и в не на что с по как это из у за от для или но он они мы вы я к о ли бы если был \
     في من على ما عن إلى هي هو أن है के में की का और से को पर 的 是 了 在 和 有 我 不 这 个 们 到 の は を に が で と も する ",
];

/// Pairs and triples of words in sentences that talk about the answer's form or about the question, not in it.
pub(super) const ASIDES: &str = "step by step|final answer|correct answer|right answer|best answer|answer with|the letter|multiple \
                      choice|choice question|deep breath|world class|world-class|an expert|extremely hard|extremely \
                      difficult|very hard|very difficult|extremely complex|very important|my career|think carefully|think \
                      hard|think deeply|reason carefully|careful reasoning|take your time|double check|double-check|ignore \
                      previous|ignore all|strongest model|best model|smartest model|most powerful|ph.d level|phd level|\
                      phd-level|expert level|expert-level|answer the|answer this|question below|only the|your answer|you \
                      are a|you are an|helpful assistant|please answer|please reason|let's think|reasoning before|tip \
                      you|graduate-level|the hardest|hard problem|difficult problem|hard question|difficult question|\
                      challenging problem|challenging question|olympiad level|need maximum|maximum effort|high effort|\
                      reasoning effort|explain your|show your|show all|your reasoning|in detail|be concise|be brief|\
                      question is|this question|the question|these questions|question carefully|the options|boxed|inside \
                      of|python code|no explanation|without explanation|hope you|good luck|thanks in|thank you|i wonder|\
                      quick question|question for|help me|tell me|could you|can you|would you|i'd like|i would|i need|i \
                      am|please help|\
                      reason about|reason through|be thorough|be careful|be accurate|be precise|each step|\
                      every step|your life|my life|my job|depends on it|depends on your|a genius|is trivial|\
                      is urgent|available model|capable model|powerful model|frontier model|larger model|\
                      bigger model|expensive model|cheap model|cheap models|small model|small models|weak models|\
                      route this|route to|escalate this|highest tier|top tier|reasoning budget|thinking budget|\
                      maximum reasoning|many tokens|as a professor|as an expert|as a senior|act as|acting as|\
                      act like|pretend to|pretend you|pretend that you|imagine you are|imagine that you|\
                      imagine yourself|play the role|the persona|a persona|speak like|you're a|you're an|\
                      you answer as|just the answer|just answer|don't waste|waste time|take this seriously|\
                      verify each|verify every|check each|check every|check your|very carefully|been stuck|\
                      by the way|sent from|kind regards|best regards|many thanks|much appreciated|any help|\
                      note to self|previous instructions|above instructions|said above|system prompt|disregard the|\
                      disregard what|disregard all|forget everything|even a child|this right|i beg|please be|\
                      please think|please verify|please make sure|make no mistakes|no mistakes|the toughest|\
                      deep thought|life and death|no big deal|my homework|an exam|your best|do your best|\
                      gründlich nach|jeden schritt|mucho cuidado|avec soin|con attenzione|com cuidado|\
                      внимательно подумай|\
                      schritt für|étape par|paso a|passo a|passo dopo|шаг за|adım adım|langkah demi|krok \
                      po|stap voor|一步一步|ステップ|단계별";

/// Numbers that hold a 16-bit count for each list.
pub(super) const LANES: usize = LISTS.div_ceil(4);

/// The words and phrases, ready to be looked up.
#[derive(Clone, Debug)]
pub(super) struct Lexicon {
    words: Table<4096>,
    /// The sets of lists that words stand in; the first is empty.
    sets: Vec<Set>,
    asides: Table<512>,
    /// Bits by hash of the phrases: nearly every phrase of a text is none.
    maybe: [u64; 128],
}

/// Lists that a word stands in.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) mask: Mask,
    /// 1 where there is any.
    pub(super) listed: u64,
    /// One hit for each of them, four lists in a number.
    pub(super) lanes: [u64; LANES],
}

impl Set {
    const EMPTY: Self = Self { mask: 0, listed: 0, lanes: [0; LANES] };

    fn of(mask: Mask) -> Self {
        let mut found = Self { mask, listed: u64::from(mask != 0), ..Self::EMPTY };
        for list in (0..LISTS).filter(|list| mask & 1 << list != 0) {
            if let Some(lanes) = found.lanes.get_mut(list / 4) {
                *lanes |= 1 << (list % 4 * 16);
            }
        }
        found
    }
}

/// Open addressing, little more than half full at most. Small, so that it stays in the nearest cache. `N` is a power of two.
#[derive(Clone, Debug)]
struct Table<const N: usize> {
    keys: Box<[u32; N]>,
    /// What belongs to the keys; 0 where a place is free.
    values: Box<[u16; N]>,
}

/// Start of a hash.
pub(super) const SEED: u32 = 0x811C_9DC5;

/// A hash with one more byte.
pub(super) const fn hash(hash: u32, byte: u8) -> u32 {
    (hash ^ byte as u32).wrapping_mul(0x0100_0193)
}

/// The hash of a phrase with one more word. 0 stands for no word.
pub(super) const fn phrase(before: u32, word: u32) -> u32 {
    before.rotate_left(7).wrapping_mul(0x9E37_79B1) ^ word
}

pub(super) fn hash_of(word: &str) -> u32 {
    word.bytes().fold(SEED, hash)
}

impl<const N: usize> Table<N> {
    fn new() -> Self {
        Self { keys: Box::new([0; N]), values: Box::new([0; N]) }
    }

    const fn place(hash: u32, step: usize) -> usize {
        ((hash ^ hash >> 15) as usize).wrapping_add(step) % N
    }

    #[inline(never)]
    fn add(&mut self, hash: u32, value: u16) {
        for place in (0..N).map(|step| Self::place(hash, step)) {
            if let (Some(key), Some(found)) = (self.keys.get_mut(place), self.values.get_mut(place))
                && (*found == 0 || *key == hash)
            {
                (*key, *found) = (hash, value);
                return;
            }
        }
    }

    /// 0 for what is not in it.
    fn get(&self, hash: u32) -> u16 {
        // Nearly always the first place tells.
        self.at(hash, 0).unwrap_or_else(|| self.get_behind(hash))
    }

    #[inline(never)]
    fn get_behind(&self, hash: u32) -> u16 {
        (1..N).find_map(|step| self.at(hash, step)).unwrap_or_default()
    }

    /// What a place tells of a key; `None` where another stands there.
    fn at(&self, hash: u32, step: usize) -> Option<u16> {
        let place = Self::place(hash, step);
        let value = self.values.get(place).copied().unwrap_or_default();
        (value == 0 || self.keys.get(place) == Some(&hash)).then_some(value)
    }
}

impl Lexicon {
    pub(super) fn new() -> Self {
        let mut masks: BTreeMap<u32, Mask> = BTreeMap::new();
        for (list, text) in WORDS.iter().enumerate() {
            for word in text.split_ascii_whitespace() {
                *masks.entry(hash_of(word)).or_default() |= 1 << list;
            }
        }
        let mut sets = vec![Set::EMPTY];
        let mut words = Table::new();
        for (word, mask) in masks {
            let known = sets.iter().position(|set| set.mask == mask);
            let set = known.unwrap_or_else(|| {
                sets.push(Set::of(mask));
                sets.len() - 1
            });
            words.add(word, set as u16);
        }
        let mut asides = Table::new();
        let mut maybe = [0; 128];
        for words in ASIDES.split('|') {
            let hash = words.split_ascii_whitespace().fold(0, |before, word| phrase(before, hash_of(word)));
            asides.add(hash, 1);
            if let Some(bits) = maybe.get_mut(hash as usize >> 6 & 127) {
                *bits |= 1 << (hash & 63);
            }
        }
        Self { words, sets, asides, maybe }
    }

    /// The lists that a word stands in.
    pub(super) fn set(&self, word: u32) -> &Set {
        self.sets.get(usize::from(self.words.get(word))).unwrap_or(&Set::EMPTY)
    }

    /// The same, as bits.
    pub(super) fn lists(&self, word: u32) -> Mask {
        self.set(word).mask
    }

    /// Whether one of these phrases may end an aside: nearly none does.
    pub(super) fn may_be_aside(&self, phrases: [u32; 2]) -> bool {
        let bits = phrases.map(|phrase| {
            self.maybe.get(phrase as usize >> 6 & 127).copied().unwrap_or_default() >> (phrase & 63)
        });
        bits.into_iter().fold(0, |any, bits| any | bits) & 1 != 0
    }

    /// Whether the phrase ends an aside.
    pub(super) fn is_aside(&self, phrase: u32) -> bool {
        self.asides.get(phrase) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_little_more_than_half_full() {
        fn free<const N: usize>(table: &Table<N>) -> usize {
            table.values.iter().filter(|value| **value == 0).count()
        }
        let lexicon = Lexicon::new();
        assert!(free(&lexicon.words) > 4096 * 3 / 8);
        assert!(free(&lexicon.asides) > 512 * 3 / 8);
    }
}
