import { describe, expect, it } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { fits } from '../../src/verifier/password.ts';

/** Made with `openssl passwd` and `htpasswd`, of "correct horse" unless the name says otherwise. */
const hashes: Readonly<Record<string, string>> = {
  apr1: '$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/',
  'MD5 crypt': '$1$xyz$VlPelr.7s56Oe59bia2BU.',
  'SHA-256 crypt': '$5$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC',
  'SHA-512 crypt':
    '$6$saltstringsalts$tMZ/xgsiFH4i1xshWURd4NQPPpMzP0xGQNx6KhfpePtL1JlpwhnGxIIZomE41lE4Mmr0SNjyeLF7za4mLGTS01',
  'SHA-256 crypt with rounds': '$5$rounds=1400$anotherlongsalts$0KT8xKdzAzHA/GLeLkewBNfWJasAb9.GxP2bbi2wnX1',
  'SHA-512 crypt with rounds':
    '$6$rounds=7777$salt$Y2Fa2yaMN.TNBxYfxrEox64kJTGMHxudznhj4M3e1jsRJ8dh9Be1T.s98KYwW6I2IRndRq7oPxpeDBbF1FjYz0',
  bcrypt: '$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2',
  SHA: '{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=',
  'salted SHA': '{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0',
  nothing: '{PLAIN}correct horse',
};

describe('passwords', () => {
  for (const [name, hash] of Object.entries(hashes)) {
    it(`fit a hash of ${name}, and others do not`, async () => {
      expect(await fits(hash, Buffer.from('correct horse'))).toBe(true);
      for (const wrong of ['correct hors', 'correct horsf', '', 'Correct horse']) {
        expect(await fits(hash, Buffer.from(wrong))).toBe(false);
      }
    });
  }

  it('may be long, empty, or not in ASCII', async () => {
    const long = `${'ü'.repeat(60)}${'0123456789'.repeat(10)}`;
    const cases: readonly (readonly [password: string, hash: string])[] = [
      [long, '$apr1$pepper$rVb/BhIv9JRBGhLcYUmai1'],
      ['x', '$apr1$pepper$xB2V78MGeqdZM3njhrxMo.'],
      [long, '$1$pepper$z7kp/joR1U4.nZATLUjXW/'],
      ['x', '$1$pepper$9zS7QuHAgPaY2P9CDggAq1'],
      [long, '$5$pepper$aBc0fPKtyqyGc2hIY4vDdXvFE72JYK8mLnRQznyIHC2'],
      ['x', '$5$pepper$cJYOJVpQVGhRhcMGrGHhEyhTPqv3DoBmO3RYYu3D.I9'],
      [long, '$6$pepper$xpOk4cxfD4UwwzW/IX9KZuczeJ6n3Jw0mHULhAyDK.1JteY0Saaw9qBnj1byI5IPQlTFhxoJzuYuEy8Xp1Q6.1'],
      ['x', '$6$pepper$/s4ynDPBTTa5ZPBpLrmwCwCjp5SpNjfTyZTCHNAwN2kTvG7daBAML62YBl/vZyRzf52sYxyfCCpRvT8UxEcZy1'],
    ];
    for (const [password, hash] of cases) expect(await fits(hash, Buffer.from(password))).toBe(true);
  });

  it('fit no hash of another form, and none that would take minutes', async () => {
    const password = Buffer.from('x');
    const others = [
      '',
      'x',
      '$y$j9T$x',
      '{CRYPT}x',
      '$2y$31$' + '.'.repeat(53),
      '$6$rounds=999999999$salt$x',
      'ab01FAX.bQRSU',
      '$2x$04$' + '.'.repeat(53),
    ];
    for (const hash of others) expect(await fits(hash, password)).toBeUndefined();
    expect(await fits(hashSync('x', 4), password)).toBe(true);
  });
});
