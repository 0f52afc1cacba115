# One image for every role; the command says which: edge, cloud, simulate, or any other of fogline.
#   docker build --tag fogline .
# State is in /var/lib/fogline; nothing else is written but /tmp, so the root may be read-only.
# A Node with security releases that the tests run on (tests/integration/image-node).
ARG NODE_VERSION=22.23.3

# Compiler, sources and the packages of development: nothing of this stage but dist/ and node_modules/ is in the image.
# Both stages are of one Debian release, so that what is compiled here finds its libraries there.
FROM node:${NODE_VERSION}-bookworm-slim AS build
# Node's headers lie beside it: nothing is fetched for the addons, and none is taken ready-made from elsewhere.
ENV npm_config_nodedir=/usr/local \
    npm_config_build_from_source=true
# The folder is for profile dev of docker-compose.yml, which runs this stage as 10001. Packages without versions: a mirror keeps the
# newest of a release alone, so a version written here would end the build when Debian mends something.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o 10001 -g 10001 -m 0750 /var/lib/fogline
WORKDIR /opt/fogline
COPY .npmrc package-lock.json package.json ./
# Only the two addons may run a program when they are installed. nanomsg is optional elsewhere, not here.
RUN npm ci --ignore-scripts --no-audit --no-fund \
 && npm rebuild better-sqlite3 nanomsg
COPY . .
RUN node scripts/prepare.mjs \
 && test -x dist/fogline.js \
 && test -f dist/web/index.html

FROM build AS production
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:${NODE_VERSION}-bookworm-slim AS runtime
# Nobody installs packages in here: npm and its like go. Certificates and the bundle have folders of the right owner, because a new volume
# takes owner and mode from the folder that it is put over.
RUN groupadd --gid 10001 fogline \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/fogline --shell /usr/sbin/nologin fogline \
 && install -d -o fogline -g fogline -m 0750 /var/lib/fogline /etc/fogline/certs \
 && install -d -o fogline -g fogline -m 0700 /etc/fogline/certs/private /etc/fogline/bundle \
 && rm -rf /usr/local/lib/node_modules /usr/local/include /opt/yarn-* \
 && rm -f /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
 && ln -s /opt/fogline/dist/fogline.js /usr/local/bin/fogline
WORKDIR /opt/fogline
COPY --from=production /opt/fogline/package.json ./
COPY --from=production /opt/fogline/node_modules ./node_modules
COPY --from=production /opt/fogline/dist ./dist
USER 10001:10001
# Both addons load with what is in this stage, a database can be written, and the program starts: otherwise there is no image.
RUN node -e "const file = require('node:path').join(require('node:os').tmpdir(), 'smoke.db'); \
      const Database = require('better-sqlite3'); \
      const db = new Database(file); \
      db.exec('CREATE TABLE smoke (n INTEGER); INSERT INTO smoke VALUES (42)'); \
      if (db.prepare('SELECT n FROM smoke').get().n !== 42) throw new Error('SQLite does not keep what it is given'); \
      db.close(); \
      require('node:fs').unlinkSync(file); \
      require('nanomsg').socket('req').close()" \
 && fogline config check
ENV NODE_ENV=production \
    FOGLINE_STATE_DIR=/var/lib/fogline \
    FOGLINE_EDGE_STATUS_PORT=5007 \
    FOGLINE_SIMULATION_STATUS_PORT=5008
WORKDIR /var/lib/fogline
VOLUME ["/var/lib/fogline"]
# Page and API, heartbeats, data.
EXPOSE 5006 63270 63271
# SIGTERM drains: node is the first process, and every part stops by it in order.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["fogline", "health"]
ENTRYPOINT ["node", "/opt/fogline/dist/fogline.js"]
CMD ["--help"]
