using FluentAssertions;
using NUnit.Framework;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Digests.Identities;
using Serving.Tests.Support;

namespace Serving.Tests.Controller.Digests;

public sealed class CredentialCacheTests
{
    [Test]
    public async Task Logins_that_have_expired_are_not_kept_for_registries_that_nobody_names_any_more()
    {
        var time = new ManualTimeProvider();
        var cache = new CredentialCache(time);
        for (var i = 0; i < 1000; i++)
        {
            await cache.GetAsync(
                $"registry-{i}",
                _ => Task.FromResult<(RegistryCredential?, DateTimeOffset)>((null, time.GetUtcNow() + TimeSpan.FromMinutes(10))),
                CancellationToken.None
            );
            time.Advance(TimeSpan.FromMinutes(1));
        }

        cache.Count.Should().BeLessThan(100);
    }
}
