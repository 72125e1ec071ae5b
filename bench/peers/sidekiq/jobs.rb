# A no-op job for `sidekiq -r jobs.rb`, and a filler: ruby jobs.rb JOBS. Redis is told by REDIS_URL.
require "sidekiq"

Redis.silence_deprecations = true # one line a job otherwise, from Sidekiq's own calls

class Noop
  include Sidekiq::Worker

  def perform; end
end

if $PROGRAM_NAME == __FILE__
  left = Integer(ARGV.fetch(0))
  while left.positive?
    chunk = [left, 500].min
    Sidekiq::Client.push_bulk("class" => Noop, "args" => [[]] * chunk)
    left -= chunk
  end
end
