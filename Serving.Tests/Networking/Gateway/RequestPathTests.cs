using FluentAssertions;
using NUnit.Framework;
using Serving.Networking.Gateway.Proxying;

namespace Serving.Tests.Networking.Gateway;

public sealed class RequestPathTests
{
    [TestCase("/..", true)]
    [TestCase("/a/../b", true)]
    [TestCase("/a/%2e%2E/b", true)]
    [TestCase("/a/.%2e", true)]
    [TestCase("/a/..%2fb", true)]
    [TestCase("/a%5c..%5cb", true)]
    [TestCase("/a..b/c", false)]
    [TestCase("/...", false)]
    [TestCase("/a/.../b", false)]
    [TestCase("/a/./b", false)]
    [TestCase("/a?x=/../b", false)]
    [TestCase("/%2ehidden", false)]
    [TestCase("/%2", false)]
    [TestCase("/", false)]
    public void Tells_paths_that_climb(string target, bool climbs) => RequestPath.Climbs(target).Should().Be(climbs);
}
