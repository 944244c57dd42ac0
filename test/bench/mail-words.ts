/**
 * What the generated mail is made of: people, words, and a sentence for each character set.
 */
import iconv from 'iconv-lite';

/** Words that searches look for. They stand nowhere but where the generator puts them. */
export const NEEDLES = { from: 'yoshiko.arakawa', subject: 'madrigal', body: 'bassoon' } as const;

export interface Person {
  /** Display name; empty when the address stands alone. */
  readonly name: string;
  readonly address: string;
}

/** Whom searches for FROM look for. */
export const soughtPerson: Person = { name: '荒川 佳子', address: `${NEEDLES.from}@example.jp` };

export const people: readonly Person[] = [
  { name: 'Ada Whitfield', address: 'ada.whitfield@example.com' },
  { name: 'Bruno', address: 'bruno@example.org' },
  { name: "Ciarán O'Dwyer", address: 'ciaran.odwyer@mail.example.net' },
  { name: 'Dr. Jürgen Weiß', address: 'j.weiss@example.de' },
  { name: 'Noémie Lefèvre', address: 'noemie@exemple.example' },
  { name: 'Ольга Смирнова', address: 'olga@primer.example' },
  { name: 'Linnéa Åkesson', address: 'linnea+lists@example.se' },
  { name: 'Harriet "Harry" Holt', address: 'harriet.holt@example.com' },
  { name: 'Pavel (Night Shift) Novak', address: 'pavel@ops.example.com' },
  { name: 'Íñigo Peñalosa', address: 'inigo@example.es' },
  { name: '박지훈', address: 'jihoon.park@example.kr' },
  { name: 'Nightly Build', address: 'noreply@builds.example.com' },
  {
    name: 'Department of Long Names, Customer Correspondence, Second Floor',
    address: 'correspondence@second-floor.very-long-department-name.example.com',
  },
  { name: '', address: 'root@localhost' },
  { name: 'shop@letters', address: 'letters@shop.example' },
  { name: 'Chen Yu', address: 'chen.yu@example.cn' },
  { name: 'Wanda', address: 'wanda@example.pl' },
  { name: 'Max', address: 'max@example.com' },
];

/** A sentence in each character set that mail of the last thirty years comes in. */
export const sentences: Readonly<Record<string, string>> = {
  'iso-8859-1': 'Schöne Grüße vom Bäcker, der heute süße Brötchen übrig hat. Où est la clé, s’il te plaît? '.replace(
    '’',
    "'",
  ),
  'iso-8859-2': 'Dnes večer přijdu později, děkuji. Proszę o potwierdzenie, że wszystko się udało. ',
  'iso-8859-7': 'Σας ευχαριστώ για το μήνυμα, θα απαντήσω αύριο. ',
  'iso-8859-15': 'Le billet coûte 18 € et le bœuf est déjà servi. ',
  'windows-1250': 'Köszönöm a levelet, a jövő héten válaszolok. Łódź jest piękna jesienią. ',
  'windows-1251': 'Посылаю вам протокол вчерашнего собрания, жду ответа до пятницы. ',
  'windows-1252': '“The train leaves at nine” – that is what they said… and it cost 12 €. ',
  'koi8-r': 'Добрый день! Поезд приходит в девять, встречайте на вокзале. ',
  'iso-2022-jp': '明日の打ち合わせは午後三時からです。どうぞよろしくお願いします。',
  shift_jis: '写真をありがとうございました。また来週お会いしましょう。',
  gb2312: '明天下午三点开会,请大家准时参加。谢谢。',
  big5: '明天下午三點開會,請大家準時參加。謝謝。',
  'euc-kr': '내일 오후 세 시에 회의가 있습니다. 꼭 참석해 주세요. ',
  'utf-8': 'Ein Gruß, приветствие, χαιρετισμός, 挨拶 and a cat 🐈 — all in one line. ',
};

/** The character sets of `sentences`. */
export const charsets: readonly string[] = Object.keys(sentences);

const JIS_DOUBLE = Buffer.from('\x1b$B', 'latin1');
const JIS_ASCII = Buffer.from('\x1b(B', 'latin1');

/** Text in a character set. What it does not have becomes a question mark. */
export function encodeText(text: string, charset: string): Buffer {
  if (charset === 'utf-8') return Buffer.from(text, 'utf8');
  if (charset === 'us-ascii') return Buffer.from(text.replaceAll(/[^\x00-\x7f]/g, '?'), 'latin1');
  return charset === 'iso-2022-jp' ? encodeIso2022Jp(text) : iconv.encode(text, charset);
}

/** The characters of JIS X 0208 are those of EUC-JP with the high bits cleared, between two escapes (RFC 1468). */
function encodeIso2022Jp(text: string): Buffer {
  const parts = text.split(/([^\x00-\x7f]+)/).map((part, index) => {
    if (index % 2 === 0) return Buffer.from(part, 'latin1');
    const octets = iconv.encode(part, 'euc-jp').map((octet) => octet & 0x7f);
    return Buffer.concat([JIS_DOUBLE, octets, JIS_ASCII]);
  });
  return Buffer.concat(parts);
}

const vocabulary =
  `about after again all also always and answer any are around ask autumn back because been before begin best better
  between book both bread bridge bring budget but call can carry change chapter city clear coffee come committee
  contract country customer daily dear delivery different dinner document does door down draft each early east edit
  email end enough evening every example far feedback few find first floor follow for forecast forward found four from
  full garden get give good great group had half hand have hear help here high home hour house how hundred idea if
  important in invoice is it its journey just keep kitchen know large last late learn leave less letter library light
  like line list little long look made make many map may mean meeting minutes money month more morning most mountain
  move much music must name near need never new next night no north not note now number of off offer office often old
  on once one only open or order other our out over own page paper part pay people perhaps place plan please point
  price print project public question quiet rain read ready reason receive regards release report request result
  review right river road room same say schedule school second see send server several short show since small some
  soon south spring start station still story street summer sure table take talk team tell than thank that the their
  them then there these they thing think this those three time to today together tomorrow too train travel tree two
  under until up update use very visit wait walk want water way we weather week well were west what when where which
  while white who why will winter with without word work world write year yes yesterday you your`.split(/\s+/);

const PROSE_WORDS = 40_000;

/** A long run of words that texts are cut from. */
function makeProse(): string {
  let state = 12_345;
  const words: string[] = [];
  for (let i = 0; i < PROSE_WORDS; i += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    words.push(vocabulary[(state >>> 8) % vocabulary.length] ?? '');
  }
  return words.join(' ');
}

/** Prose without line breaks, some 200 KB. */
export const prose = makeProse();

/** Words for subjects. */
export const subjectWords = vocabulary;
