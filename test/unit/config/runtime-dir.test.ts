import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { expect } from 'chai';
import { ensureBase, runtimeDirectory } from '../../../src/config/runtime-dir.js';
import { refusal, Tree } from './tree.js';

const uid = process.geteuid?.() ?? -1;
const mode = (path: string) => statSync(path).mode & 0o777;

describe('runtimeDirectory', () => {
  let tree: Tree;
  beforeEach(() => (tree = new Tree()));
  afterEach(() => tree.remove());

  const find = (env: Record<string, string> = {}, user = uid) => runtimeDirectory(env, user, tree.root);

  it('is XDG_RUNTIME_DIR when that is set, with the state in rnetns below it', () => {
    const dir = tree.mkdir('own');
    expect(find({ XDG_RUNTIME_DIR: dir })).to.deep.equal({ runtimeDir: dir, base: `${dir}/rnetns` });
    expect(find({ XDG_RUNTIME_DIR: `${dir}/` }).runtimeDir).to.equal(dir);
  });

  it('makes nothing', () => {
    const dir = tree.mkdir('own');
    expect(existsSync(find({ XDG_RUNTIME_DIR: dir }).base)).to.equal(false);
    expect(existsSync(find().runtimeDir)).to.equal(false);
  });

  const refused: [string, string, RegExp][] = [
    ['relative', 'own', /not an absolute path/],
    ['missing', '/missing', /no such directory/],
    ['a file', '/file', /not a directory/],
    // For lstat of Node.js 22 there is nothing, for that of 20 it is an error.
    ['below a file', '/file/x', /ENOTDIR|no such directory/],
  ];
  for (const [what, value, why] of refused) {
    it(`refuses XDG_RUNTIME_DIR when it is ${what}, and says to unset it`, () => {
      tree.write('file', '');
      const set = value.startsWith('/') ? tree.path(value) : value;
      const error = refusal(() => find({ XDG_RUNTIME_DIR: set }));
      expect(error.code).to.equal('ERR_RUNTIME_DIR');
      expect(error.message).to.contain(set).and.match(why);
      expect(error.hint).to.contain('unset XDG_RUNTIME_DIR');
    });
  }

  it("refuses another user's XDG_RUNTIME_DIR, as root has it after sudo -E", () => {
    const dir = tree.mkdir('own');
    const error = refusal(() => find({ XDG_RUNTIME_DIR: dir }, uid + 1));
    expect(error.code).to.equal('ERR_RUNTIME_DIR');
    expect(error.message).to.contain(`belongs to uid ${uid}, and this is uid ${uid + 1}`);
    expect(error.hint).to.equal('unset XDG_RUNTIME_DIR');
  });

  it("is /run/user/UID when XDG_RUNTIME_DIR is unset or empty and that is the caller's", () => {
    const dir = tree.mkdir(`run/user/${uid}`);
    for (const env of [{}, { XDG_RUNTIME_DIR: '' }]) {
      expect(find(env)).to.deep.equal({ runtimeDir: dir, base: `${dir}/rnetns` });
    }
  });

  it("is /tmp/rnetns-UID when /run/user/UID is missing, a file or another's", () => {
    const expected = (user: number) => {
      const dir = tree.path(`tmp/rnetns-${user}`);
      return { runtimeDir: dir, base: `${dir}/rnetns` };
    };
    expect(find()).to.deep.equal(expected(uid));
    tree.write(`run/user/${uid}`, '');
    expect(find()).to.deep.equal(expected(uid));
    tree.mkdir(`run/user/${uid + 1}`);
    expect(find({}, uid + 1)).to.deep.equal(expected(uid + 1));
  });

  it('pays no attention to TMPDIR', () => {
    expect(find({ TMPDIR: tree.mkdir('job') }).runtimeDir).to.equal(tree.path(`tmp/rnetns-${uid}`));
  });

  describe('with /tmp/rnetns-UID in place', () => {
    let dir: string;
    beforeEach(() => {
      tree.mkdir('tmp');
      dir = tree.path(`tmp/rnetns-${uid}`);
    });

    it("takes the caller's own directory of mode 0700", () => {
      mkdirSync(dir, { mode: 0o700 });
      expect(find().runtimeDir).to.equal(dir);
    });

    it('refuses one that others can enter and says how to mend it', () => {
      mkdirSync(dir);
      chmodSync(dir, 0o755);
      const error = refusal(() => find());
      expect(error.code).to.equal('ERR_RUNTIME_DIR');
      expect(error.message).to.contain(dir).and.contain('0755');
      expect(error.hint).to.equal(`chmod 700 ${dir}`);
    });

    it('refuses a symbolic link, even to a directory of the caller', () => {
      symlinkSync(tree.mkdir('own', 0o700), dir);
      expect(refusal(() => find()).message).to.contain('symbolic link');
    });

    it('refuses a file', () => {
      tree.write(`tmp/rnetns-${uid}`, '');
      expect(refusal(() => find()).message).to.contain('not a directory');
    });

    it("refuses another user's", () => {
      tree.mkdir(`tmp/rnetns-${uid + 1}`, 0o700);
      const error = refusal(() => find({}, uid + 1));
      expect(error.message).to.contain(`belongs to uid ${uid}`);
      expect(error.hint).to.contain('XDG_RUNTIME_DIR');
    });
  });
});

describe('ensureBase', () => {
  let tree: Tree;
  beforeEach(() => (tree = new Tree()));
  afterEach(() => tree.remove());

  const own = () => runtimeDirectory({ XDG_RUNTIME_DIR: tree.mkdir('own') }, uid);
  const fallback = () => runtimeDirectory({}, uid, tree.root);

  it('makes the base 0700, whatever the umask, and is safe to repeat', () => {
    const directory = own();
    const before = process.umask(0o277);
    try {
      ensureBase(directory, uid);
    } finally {
      process.umask(before);
    }
    ensureBase(directory, uid);
    expect(mode(directory.base)).to.equal(0o700);
  });

  it('makes /tmp/rnetns-UID as well, 0700', () => {
    tree.mkdir('tmp');
    const directory = fallback();
    ensureBase(directory, uid);
    expect(mode(directory.runtimeDir)).to.equal(0o700);
    expect(mode(directory.base)).to.equal(0o700);
  });

  it('refuses /tmp/rnetns-UID that somebody made after it was found missing', () => {
    tree.mkdir('tmp');
    const directory = fallback();
    symlinkSync(tree.mkdir('trap', 0o700), directory.runtimeDir);
    const error = refusal(() => ensureBase(directory, uid));
    expect(error.code).to.equal('ERR_RUNTIME_DIR');
    expect(existsSync(tree.path('trap/rnetns'))).to.equal(false);
  });

  it('refuses a base that others can write to, naming its mode and the chmod that mends it', () => {
    const directory = own();
    mkdirSync(directory.base);
    chmodSync(directory.base, 0o770);
    const error = refusal(() => ensureBase(directory, uid));
    expect(error.code).to.equal('ERR_STATE_DIR');
    expect(error.message).to.contain('0770');
    expect(error.hint).to.equal(`chmod 700 ${directory.base}`);
  });

  it('refuses a base that is a link or a file', () => {
    const directory = own();
    symlinkSync(tree.mkdir('elsewhere'), directory.base);
    expect(refusal(() => ensureBase(directory, uid)).code).to.equal('ERR_STATE_DIR');
    const other = runtimeDirectory({ XDG_RUNTIME_DIR: tree.mkdir('other') }, uid);
    tree.write('other/rnetns', '');
    expect(refusal(() => ensureBase(other, uid)).message).to.contain('not a directory');
  });

  it("refuses another user's base", () => {
    const directory = own();
    mkdirSync(directory.base);
    const error = refusal(() => ensureBase(directory, uid + 1));
    expect(error.code).to.equal('ERR_STATE_DIR');
    expect(error.message).to.contain(`belongs to uid ${uid}`);
  });

  it('says so when the runtime directory is gone again', () => {
    const directory = own();
    const gone = { runtimeDir: tree.path('gone'), base: tree.path('gone/rnetns') };
    expect(directory).not.to.deep.equal(gone);
    expect(refusal(() => ensureBase(gone, uid)).message).to.contain('ENOENT');
  });
});
