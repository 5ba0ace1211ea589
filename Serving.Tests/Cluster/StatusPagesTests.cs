using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using FluentAssertions;
using Microsoft.Playwright;
using NUnit.Framework;
using Serving.Tests.Support;
using static Microsoft.Playwright.Assertions;

namespace Serving.Tests.Cluster;

/// <summary>
/// A person looks at a local cluster with a browser: opens the address that it prints, follows links, looks up a host, uses the keyboard, a
/// small and a dark screen. With <c>SERVING_TEST_SCREENSHOTS=docs</c> the pictures in docs/images are taken again.
/// </summary>
[Category("Slow")]
[Parallelizable]
public sealed partial class StatusPagesTests
{
    private const string Services = """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: hello, namespace: default}
        spec:
          template:
            spec: {containers: [{image: ghcr.io/serving-samples/helloworld}]}
        ---
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: busy, namespace: default}
        spec:
          template:
            metadata: {annotations: {autoscaling.knative.dev/target: "4", autoscaling.knative.dev/window: "20s", autoscaling.knative.dev/max-scale: "4"}}
            spec: {containers: [{image: ghcr.io/serving-samples/autoscale}]}
        ---
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: broken, namespace: default}
        spec:
          template:
            spec: {containers: [{image: example.com/no/program}]}
        """;

    private static readonly string[] Paths =
    [
        "/status",
        "/status/services/default/hello",
        "/status/services/default/broken",
        "/status/revisions/default/busy-00001",
        "/status/revisions/default/busy-00001/autoscaler",
        "/status/routes?host=hello.default.localhost",
        "/status/leaders",
        "/status/queues",
        "/status/informers",
        "/status/configuration",
        "/status/health",
        "/status/services/default/missing",
    ];

    private LocalClusterHarness? _cluster;
    private PageBrowser? _browser;
    private string _address = "";

    private PageBrowser Browser => PageBrowser.Require(_browser);

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        TestCluster.NeedsLocalCluster("a local cluster prints the address of its status pages");
        _cluster = await LocalClusterHarness.StartAsync();
        _address = AddressLine().Match(_cluster.Host.Output).Groups[1].Value;
        await _cluster.ApplyAsync(Services);
        await _cluster.WaitForReadyAsync("default", "hello");
        await _cluster.WaitForReadyAsync("default", "busy");
        _browser = await PageBrowser.StartAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    [TestCaseSource(nameof(Paths))]
    public async Task A_real_process_has_every_page_as_HTML_and_as_JSON(string path)
    {
        using var client = new HttpClient();
        using var html = await client.GetAsync(_address.Replace("/status", path, StringComparison.Ordinal));
        using var request = new HttpRequestMessage(HttpMethod.Get, html.RequestMessage!.RequestUri);
        request.Headers.Accept.ParseAdd("application/json");
        using var json = await client.SendAsync(request);

        html.StatusCode.Should().Be(path.EndsWith("missing", StringComparison.Ordinal) ? HttpStatusCode.NotFound : HttpStatusCode.OK);
        html.Content.Headers.ContentType!.MediaType.Should().Be("text/html");
        json.StatusCode.Should().Be(html.StatusCode);
        json.Content.Headers.ContentType!.MediaType.Should().Be("application/json");
    }

    [Test]
    public async Task A_person_finds_out_why_a_revision_is_scaled_up_under_load()
    {
        await using var context = await Browser.NewContextAsync();
        var page = await context.NewPageAsync();
        using var stop = new CancellationTokenSource();
        var load = LoadAsync(stop.Token);
        try
        {
            await page.GotoAsync(_address);
            await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Services", Level = 1 })).ToBeVisibleAsync();
            await Eventually.HoldsAsync(
                async () =>
                {
                    await page.ReloadAsync();
                    var broken = page.GetByRole(AriaRole.Row).Filter(new() { HasText = "broken" }).First;
                    (await broken.InnerTextAsync()).Should().Contain("Not ready").And.Contain("--image", "the reason says what to do");
                },
                TimeSpan.FromSeconds(60)
            );
            await PageBrowser.TakeAsync(page, "status-overview", 690);
            await page.GetByRole(AriaRole.Link, new() { Name = "broken", Exact = true }).ClickAsync();
            await Expect(page.GetByRole(AriaRole.Table, new() { Name = "Conditions of the Service" })).ToContainTextAsync("--image");
            await PageBrowser.TakeAsync(page, "status-service", 750);

            await page.GoBackAsync();
            await page.GetByRole(AriaRole.Link, new() { Name = "busy", Exact = true }).ClickAsync();
            await Expect(page.GetByRole(AriaRole.Table, new() { Name = "Conditions of the Service" })).ToBeVisibleAsync();
            await page.GetByRole(AriaRole.Link, new() { Name = "Why this scale of busy-00001" }).ClickAsync();

            await Eventually.HoldsAsync(
                async () =>
                {
                    await page.ReloadAsync();
                    (await page.GetByRole(AriaRole.Table, new() { NameRegex = Decided() }).InnerTextAsync()).Should().Contain("pods");
                    var wanted = await page.Locator("dt:text-is('Pods wanted') + dd").InnerTextAsync();
                    int.Parse(wanted, CultureInfo.InvariantCulture).Should().BeGreaterThan(1);
                    var ready = await page.Locator("dt:text-is('Pods ready') + dd").InnerTextAsync();
                    int.Parse(ready, CultureInfo.InvariantCulture).Should().BeGreaterThan(1);
                },
                TimeSpan.FromSeconds(120)
            );
            await Expect(page.GetByRole(AriaRole.Img)).ToHaveCountAsync(2);
            await Expect(page.GetByRole(AriaRole.Img).First).ToHaveAccessibleNameAsync(StableText());

            await page.GetByText("The same as a table").ClickAsync();
            await Expect(page.GetByRole(AriaRole.Table, new() { NameRegex = Newest() })).ToBeVisibleAsync();

            await page.GetByRole(AriaRole.Link, new() { Name = "Refresh every 5 s" }).ClickAsync();
            await Expect(page.GetByRole(AriaRole.Link, new() { Name = "Stop refreshing" })).ToBeVisibleAsync();
        }
        finally
        {
            await stop.CancelAsync();
            await load;
        }
    }

    [Test]
    public async Task A_person_looks_up_where_a_host_leads()
    {
        await using var context = await Browser.NewContextAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync(_address);
        await page.GetByRole(AriaRole.Navigation, new() { Name = "Pages" })
            .GetByRole(AriaRole.Link, new() { Name = "Routes" })
            .ClickAsync();

        await page.GetByLabel("Host or URL").FillAsync("http://hello.default.localhost/any/path");
        await page.GetByLabel("Path").FillAsync("");
        await page.GetByRole(AriaRole.Button, new() { Name = "Look up" }).ClickAsync();

        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "From outside the cluster" })).ToBeVisibleAsync();
        await Expect(page.GetByText("default/hello").First).ToBeVisibleAsync();
        await Expect(page.GetByText("succeeds").First).ToBeVisibleAsync();
        await PageBrowser.TakeAsync(page, "status-routes", 770);
        await page.GetByRole(AriaRole.Link, new() { Name = "hello-00001" }).First.ClickAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Revision default/hello-00001");
    }

    [TestCase("Queues", "Work queues", 640)]
    [TestCase("Informers", "Informers", 760)]
    [TestCase("Configuration", "Configuration in force", 780)]
    [TestCase("Health", "Health", 720)]
    public async Task A_person_opens_what_the_process_knows_of_itself(string link, string title, int height)
    {
        await using var context = await Browser.NewContextAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync(_address);

        await page.GetByRole(AriaRole.Navigation, new() { Name = "Pages" })
            .GetByRole(AriaRole.Link, new() { Name = link, Exact = true })
            .ClickAsync();

        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync(title);
        await Expect(page.GetByRole(AriaRole.Table).First).ToBeVisibleAsync();
        await PageBrowser.TakeAsync(page, $"status-{link.ToLowerInvariant()}", height);
    }

    [Test]
    public async Task A_person_filters_the_Services()
    {
        await using var context = await Browser.NewContextAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync(_address);

        await page.GetByLabel("Name contains").FillAsync("HEL");
        await page.GetByLabel("Name contains").PressAsync("Enter");

        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "hello", Exact = true })).ToBeVisibleAsync();
        await Expect(page.GetByRole(AriaRole.Link, new() { Name = "broken", Exact = true })).ToHaveCountAsync(0);
        await page.GetByLabel("State").SelectOptionAsync("failing");
        await page.GetByRole(AriaRole.Button, new() { Name = "Filter" }).ClickAsync();
        await Expect(page.GetByText("No Service matches the filter.")).ToBeVisibleAsync();
    }

    [Test]
    public async Task Everything_is_reached_by_keyboard_and_the_focus_is_visible()
    {
        await using var context = await Browser.NewContextAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync(_address);

        await page.Keyboard.PressAsync("Tab");
        var skip = page.GetByRole(AriaRole.Link, new() { Name = "Skip to the content" });
        await Expect(skip).ToBeFocusedAsync();
        await Expect(skip).ToBeInViewportAsync();
        await page.Keyboard.PressAsync("Enter");
        (await page.EvaluateAsync<string>("() => document.activeElement.id")).Should().Be("content");

        await page.ReloadAsync();
        var seen = new List<string>();
        for (var i = 0; i < 60; i++)
        {
            await page.Keyboard.PressAsync("Tab");
            var focus = await page.EvaluateAsync<string[]>(
                "() => { const e = document.activeElement, s = getComputedStyle(e); return [e === document.body ? '' : (e.innerText || e.ariaLabel || e.id || e.tagName), s.outlineStyle, s.outlineWidth]; }"
            );
            if (focus[0].Length == 0)
            {
                break;
            }

            seen.Add(focus[0]);
            focus[1].Should().Be("solid", focus[0]);
            focus[2].Should().Be("3px", focus[0]);
        }

        seen.Should().ContainInOrder("Skip to the content", "Serving", "Services", "Routes", "namespace", "Filter", "hello");
    }

    [TestCaseSource(nameof(Paths))]
    public async Task Every_page_is_accessible_on_a_small_light_and_a_large_dark_screen(string path)
    {
        foreach (
            var (width, scheme) in new[]
            {
                (375, ColorScheme.Light),
                (1280, ColorScheme.Dark),
                (375, ColorScheme.Dark),
                (1280, ColorScheme.Light),
            }
        )
        {
            await using var context = await Browser.NewContextAsync(width, scheme);
            var page = await context.NewPageAsync();
            var problems = new List<string>();
            page.Console += (_, message) => problems.Add($"console: {message.Text}");
            page.Request += (_, request) =>
                problems.AddRange(
                    request.IsNavigationRequest || request.Url.StartsWith("data:", StringComparison.Ordinal)
                        ? []
                        : [$"request: {request.Url}"]
                );
            await page.GotoAsync(_address.Replace("/status", path, StringComparison.Ordinal));

            (await page.EvaluateAsync<int>("() => document.documentElement.scrollWidth")).Should().BeLessThanOrEqualTo(width);
            (await page.EvaluateAsync<string[]>(PageChecks.LowContrast)).Should().BeEmpty("{0} at {1}", scheme, width);
            (await page.EvaluateAsync<string[]>(PageChecks.Nameless)).Should().BeEmpty();
            (await page.GetByRole(AriaRole.Table).CountAsync())
                .Should()
                .Be(await page.Locator("table:visible").CountAsync(), "tables stay tables when they look like cards");
            problems.RemoveAll(problem =>
                problem.Contains("404", StringComparison.Ordinal) && path.EndsWith("missing", StringComparison.Ordinal)
            );
            problems.Should().BeEmpty("a page loads nothing and violates no policy");
            if ((path, width, scheme) is ("/status", 375, ColorScheme.Dark))
            {
                await PageBrowser.TakeAsync(page, "status-small-dark", 800);
            }
        }
    }

    [Test]
    public async Task The_checks_find_what_they_look_for()
    {
        await using var context = await Browser.NewContextAsync();
        var page = await context.NewPageAsync();
        await page.GotoAsync(_address);

        await page.EvaluateAsync(
            "() => { document.querySelector('h1').style.color = '#999'; document.querySelector('label').remove(); document.querySelector('.brand').textContent = ''; }"
        );

        (await page.EvaluateAsync<string[]>(PageChecks.LowContrast)).Should().ContainSingle().Which.Should().StartWith("H1.");
        (await page.EvaluateAsync<string[]>(PageChecks.Nameless)).Should().HaveCount(2);
    }

    /// <summary>Keeps ten requests in flight until cancelled.</summary>
    private Task LoadAsync(CancellationToken cancellation)
    {
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{_cluster!.GatewayPort}") };
        return Task.WhenAll(Enumerable.Range(0, 10).Select(_ => Task.Run(RequestsAsync, CancellationToken.None)))
            .ContinueWith(_ => client.Dispose(), TaskScheduler.Default);

        async Task RequestsAsync()
        {
            while (!cancellation.IsCancellationRequested)
            {
                try
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, "/?sleep=300")
                    {
                        Headers = { Host = "busy.default.localhost" },
                    };
                    using var response = await client.SendAsync(request, cancellation);
                }
                catch (Exception failure) when (failure is OperationCanceledException or HttpRequestException)
                {
                    // The load ends, or a request failed; the scale is what is looked at.
                }
            }
        }
    }

    [GeneratedRegex(@"status pages\s+(http://127\.[0-9.]+:8090/status)")]
    private static partial Regex AddressLine();

    [GeneratedRegex("^Decided ")]
    private static partial Regex Decided();

    [GeneratedRegex(", the newest first$")]
    private static partial Regex Newest();

    [GeneratedRegex("The stable average is ")]
    private static partial Regex StableText();
}
