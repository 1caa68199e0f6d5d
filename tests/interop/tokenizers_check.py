"""For tokenizers.sh: FOLDER PROGRAM. Makes tokenizers of every kind that is read, with the package tokenizers, and compares
what they make of odd strings with what PROGRAM does."""

import json
import pathlib
import random
import subprocess
import sys
import unicodedata

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = ["The pump's bearing is worn; we'll replace it before 2027.", "It's 3.14159 units, isn't it? You've seen that they're late.",
          'naïve café – coöperate, façade Ünïcödé', 'Привет, мир! как дела', '你好，世界 机器学习 模型', 'こんにちは世界', 'مرحبا بالعالم',
          'def f(x):\n    return x ** 2\t# squared\n', 'a  b   c    d', '🙂🙃 emoji 👩‍🔬 and flags 🇩🇪', 'ABC abc AbC ÀÉÎÕÜ İstanbul',
          'e-mail: someone@example.com, https://example.com/a?b=c&d=%20', '½ ² Ⅷ ٣ १२३', 'ﬁne ﬂow Å Å'] * 3

ODD = ['', ' ', '   ', '\n', 'a', ' a', 'a ', '  a  b ', "'s", "it's'll", "I'M I'm 'LL", '\t\n a\r\nb', 'a' * 99, 'a' * 100, 'a' * 101,
       '[CLS] in [MASK] text [SEP]', 'x[SEP]y', '<s>a</s> <mask> b', ' <mask>', 'a\u200bb', 'a\u00adb', 'a\u0000b', '\ufffd', 'e\u0301',
       '\u0301', '\u1e9b\u0323', 'ﬁ', '①', '\u212b', 'ΑΒΓ ς Σ', 'ß ẞ', 'İ I ı i', '\u3000全角', '漢字kanji混じり', '한국어 텍스트', '\U0001f469\u200d\U0001f52c',
       '\U0001f1e9\U0001f1ea', '𝔘𝔫𝔦', '\u202eabc', '100,000.50', '$5+3=8^`~|', '“quoted” ‘text’ …', '\x7f\x80\x85\xa0', '\u2028\u2029', 'ا\u064b',
       'นี่คือ', '\U000e0001', '\ue000', 'a' + '\u0300' * 50, "don''t", "''s", ' \u00a0 x', 'x \n y', '\n\n\nx']


def odd_strings():
    generator = random.Random(11)
    points = [c for line in CORPUS + ODD for c in line]
    strings = CORPUS[:14] + ODD
    for _ in range(3000):
        strings.append(''.join(generator.choice(points) for _ in range(generator.randint(1, 30))))
    for _ in range(3000):
        drawn = (chr(generator.choice((generator.randrange(0x3000), generator.randrange(0x20000)))) for _ in range(12))
        strings.append(''.join(filter(is_settled, drawn)))
    return strings


def is_settled(c):
    """Whether Unicode 3.2 has the character as it is now: the package's tables of punctuation are older than ours."""
    category = unicodedata.category(c)
    return category not in ('Cs', 'Cn') and unicodedata.ucd_3_2_0.category(c) == category


def bert(lowercase, accents=None):
    tokenizer = Tokenizer(models.WordPiece(unk_token='[UNK]'))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=accents)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
    tokenizer.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special))
    return tokenizer


def bert_template(lowercase):
    tokenizer = bert(lowercase)
    tokenizer.post_processor = processors.TemplateProcessing(
        single='[CLS] $A [SEP]', pair='[CLS] $A [SEP] $B:1 [SEP]:1', special_tokens=[('[CLS]', 2), ('[SEP]', 3)])
    return tokenizer


def byte_level(prefix, normalizer=None):
    tokenizer = Tokenizer(models.BPE())
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=600, special_tokens=['<s>', '<pad>', '</s>', '<unk>', '<mask>'],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    return tokenizer


def roberta():
    tokenizer = byte_level(False)
    tokenizer.post_processor = processors.RobertaProcessing(('</s>', 2), ('<s>', 0))
    file = json.loads(tokenizer.to_str())
    for token in file['added_tokens']:
        token['lstrip'] = token['content'] == '<mask>'
    return Tokenizer.from_str(json.dumps(file))


def tokenizers():
    cased = bert(False)
    cased.post_processor = processors.BertProcessing(('[SEP]', 3), ('[CLS]', 2))
    yield 'bert uncased', bert_template(True)
    yield 'bert cased', cased
    yield 'bert lower, accents kept', bert(True, False)
    yield 'gpt2', byte_level(False)
    yield 'gpt2 with a space in front', byte_level(True)
    yield 'roberta', roberta()
    yield 'bytes of NFKC', byte_level(False, normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]))
    yield 'bytes of NFC', byte_level(False, normalizers.NFC())


def ask(program, path, strings):
    lines = ''.join(json.dumps(each) + '\n' for each in strings)
    run = subprocess.run([program, str(path)], input=lines, capture_output=True, text=True, check=False)
    return run.stdout.split('\n')[:-1] if run.returncode == 0 else run.stderr


def main(folder, program):
    strings, failures = odd_strings(), 0
    for name, tokenizer in tokenizers():
        path = pathlib.Path(folder) / 'tokenizer.json'
        tokenizer.save(str(path))
        got = ask(program, path, strings)
        if isinstance(got, str):
            print('FAILED:', name, got)
            failures += 1
            continue
        wanted = [' '.join(map(str, tokenizer.encode(each).ids)) for each in strings]
        wrong = [(each, want, have) for each, want, have in zip(strings, wanted, got) if want != have]
        print(f'{name}: {len(strings) - len(wrong)} of {len(strings)} strings alike')
        for each in wrong[:3]:
            print('FAILED:', *map(ascii, each))
        failures += len(wrong) > 0 or len(got) != len(strings)
    for component, file in (('Metaspace', {'model': {'type': 'BPE', 'vocab': {}, 'merges': []}, 'pre_tokenizer': {'type': 'Metaspace'}}),
                            ('Unigram', {'model': {'type': 'Unigram', 'vocab': []}}),
                            ('byte_fallback', {'model': {'type': 'BPE', 'vocab': {}, 'merges': [], 'byte_fallback': True}})):
        path.write_text(json.dumps(file))
        said = ask(program, path, [])
        if component not in said:
            print('FAILED:', component, said)
            failures += 1
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2]))
