#!/usr/bin/env bash
# Publish a site: tools/deploy.sh FOLDER [REMOTE]
#
# The branch gh-pages becomes FOLDER as one commit without history, which would grow by the whole
# book each time. Wheels of older versions are carried over from the branch, because notebooks that
# people have kept ask for them. The checkout, its branch and its index stay as they are.
set -euo pipefail
site=$(cd "$1" && pwd)
remote=${2:-origin}

if git fetch --quiet --depth 1 "$remote" refs/heads/gh-pages; then
  git ls-tree --name-only FETCH_HEAD | { grep '\.whl$' || true; } | while read -r wheel; do
    test -e "$site/$wheel" || git show "FETCH_HEAD:$wheel" > "$site/$wheel"
  done
elif git ls-remote --exit-code "$remote" refs/heads/gh-pages > /dev/null; then
  echo "gh-pages is there but cannot be fetched; nothing is published" >&2
  exit 1
fi

index=$(mktemp -d)
trap 'rm -r "$index"' EXIT
export GIT_INDEX_FILE=$index/index
git_dir=$(git rev-parse --absolute-git-dir)
(cd "$site" && git --git-dir="$git_dir" --work-tree=. add --all --force .)
tree=$(git write-tree)
commit=$(git -c user.name="The normlib authors" -c user.email=site@localhost \
  commit-tree "$tree" -m "The site of $(git rev-parse --short HEAD)")
git push --quiet --force "$remote" "$commit:refs/heads/gh-pages"
echo "published $(git rev-parse --short HEAD) to gh-pages"
