import { describe, expect, test } from 'vitest';
import { parseMounts, placeIn } from '../src/attach/cgroup.js';

const mounts = `24 30 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
31 24 0:26 / /sys/fs/cgroup/systemd rw,nosuid shared:10 - cgroup cgroup rw,xattr,name=systemd
32 24 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
`;

describe('where cgroups are mounted', () => {
  test('is told by the kernel', () => {
    expect(parseMounts(mounts)).toEqual({ folder: '/sys/fs/cgroup/unified', root: '/' });
  });

  test('is nowhere without those of version 2', () => {
    expect(parseMounts(mounts.replace(/cgroup2/g, 'cgroup'))).toBeNull();
    expect(parseMounts('')).toBeNull();
  });
});

describe('a cgroup', () => {
  const mount = { folder: '/sys/fs/cgroup', root: '/' };

  test.each([
    ['system.slice/ssh.service', '/sys/fs/cgroup/system.slice/ssh.service', 2],
    ['/system.slice/ssh.service', '/sys/fs/cgroup/system.slice/ssh.service', 2],
    ['/sys/fs/cgroup/system.slice/', '/sys/fs/cgroup/system.slice', 1],
    ['/sys/fs/cgroup', '/sys/fs/cgroup', 0],
    ['/', '/sys/fs/cgroup', 0],
    ['a/../b', '/sys/fs/cgroup/b', 1],
  ])('%s is %s', (path, folder, level) => {
    expect(placeIn(mount, path)).toEqual({ folder, level });
  });

  test('is deeper where only a part of all is mounted', () => {
    expect(placeIn({ ...mount, root: '/docker/1' }, 'init')).toMatchObject({ level: 3 });
  });

  test('is nothing outside of them', () => {
    expect(placeIn(mount, '../../etc').level).toBeLessThan(0);
  });
});
