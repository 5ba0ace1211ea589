using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Host.Composition;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

public sealed class CutOffTests
{
    [Test]
    public void A_process_is_cut_off_when_the_last_Service_that_selects_pods_of_its_namespace_is_gone()
    {
        var cluster = new InMemoryCluster();
        var services = cluster.For(Resources.Services);
        var isCutOff = HostServices.CutOff(services, "knative-serving");
        Put("knative-serving", "gateway", "app");
        Put("other", "web", "app");

        isCutOff().Should().BeFalse();

        // One that leads elsewhere by name leads nowhere here.
        cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = "gateway" },
            }
        );
        isCutOff().Should().BeTrue();

        Put("knative-serving", "of-the-user", "app");
        isCutOff().Should().BeFalse("whoever else leads requests here has to learn of the end");

        void Put(string ns, string name, string label) =>
            cluster.Put(
                Resources.Services,
                new CoreService
                {
                    Metadata = new ObjectMeta { Namespace = ns, Name = name },
                    Spec = new CoreServiceSpec { Selector = new Dictionary<string, string> { [label] = "serving" } },
                }
            );
    }
}
